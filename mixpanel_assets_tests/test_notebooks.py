"""What a notebook shows of results and of a workspace."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

import mixpanel_assets as mp
from mixpanel_assets import results
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, NOON, event

START, END = date(2024, 1, 1), date(2024, 1, 2)
EVIL = "<script>alert(1)</script>"
COUNTS: dict[str, float] = {"2024-01-01": 2, "2024-01-02": 3}

# Results that have a chart, each with a hostile name.
DRAWN: dict[str, Any] = {
    "segmentation": results.SegmentationResult(
        EVIL, START, END, "day", EVIL, 5, {EVIL: COUNTS, "b": COUNTS}
    ),
    "buckets": results.NumericBucketResult(EVIL, START, END, EVIL, "day", {"1 - 2": COUNTS}),
    "sum": results.NumericSumResult(EVIL, START, END, EVIL, "day", COUNTS),
    "average": results.NumericAverageResult(EVIL, START, END, EVIL, "hour", {"2024-01-01": 2.5}),
    "event counts": results.EventCountsResult([EVIL], None, None, "day", "general", {EVIL: COUNTS}),
    "property counts": results.PropertyCountsResult(
        EVIL, EVIL, START, END, "day", "unique", {EVIL: COUNTS}
    ),
    "funnel": results.FunnelResult(
        1,
        EVIL,
        START,
        END,
        0.5,
        [results.FunnelStep(EVIL, 4, 1.0), results.FunnelStep("b", 2, 0.5)],
    ),
    "funnel by segment": results.FunnelResult(
        1,
        EVIL,
        START,
        END,
        0.5,
        [results.FunnelStep(EVIL, 4, 1.0), results.FunnelStep("b", 2, 0.5)],
        [
            results.FunnelPart(
                [results.FunnelStep(EVIL, 4, 1.0), results.FunnelStep("b", 2, 0.5)], segment=EVIL
            )
        ],
    ),
    "flows": results.FlowsResult(
        1,
        None,
        [
            {"nodes": [{"event": EVIL, "edges": [{"event": "b", "totalCount": 3}]}]},
            {"nodes": [{"event": "b", "edges": []}]},
        ],
        [],
        0.5,
        {},
    ),
    "retention": results.RetentionResult(
        EVIL, None, START, END, "day", [results.CohortInfo("2024-01-01", 3, [1.0, 0.5], EVIL)]
    ),
    "frequency": results.FrequencyResult(
        EVIL, START, END, "day", "hour", {"2024-01-01": {EVIL: [4, 2, 0]}, "2024-01-02": [0, 0]}
    ),
    "insights": results.SavedReportResult(
        1, "insights", None, None, None, ["$event"], {EVIL: {"2024-01-01T00:00:00+00:00": 3}}
    ),
    "breakdown": results.EventBreakdownResult(
        "events", 3, 2, (None, None), [results.EventStats(None, 3, 2, None, None, 100.0)]
    ),
    "column": results.ColumnStatsResult(
        "events", EVIL, "VARCHAR", 3, 0, 0.0, 1, 33.3, [(EVIL, 3)], None, None, None, None
    ),
    "distribution": results.PropertyDistributionResult(
        EVIL, EVIL, None, None, 3, [results.PropertyValueCount(None, 3, 100.0)]
    ),
    "daily counts": results.DailyCountsResult(
        None, None, None, [results.DailyCount(START, None, 3), results.DailyCount(END, EVIL, 3)]
    ),
    "engagement": results.EngagementDistributionResult(
        None, None, None, 3, [results.EngagementBucket(1, "1", 3, 100.0)]
    ),
    "coverage": results.PropertyCoverageResult(
        EVIL, None, None, 3, [results.PropertyCoverage(EVIL, 3, 0, 100.0)]
    ),
    "landing": results.Landing(
        "events", START, END, [results.LandedDay(START, 3, 0, 9, False, "f")]
    ),
}


@pytest.mark.parametrize("kind", DRAWN)
def test_a_result_is_a_chart_and_a_table(kind: str) -> None:
    shown = DRAWN[kind]._repr_html_()
    assert shown.startswith('<img alt="')
    assert shown.count('src="data:image/svg+xml,') == 1
    assert "<table" in shown
    assert "<script" not in shown


@pytest.mark.parametrize(
    "empty",
    [
        results.SegmentationResult("a", START, END, "day", None, 0, {}),
        results.FunnelResult(1, "", START, END, 0.0, []),
        results.RetentionResult(None, None, START, END, "day", []),
        results.FrequencyResult(None, START, END, "day", "hour", {}),
        results.SavedReportResult(1, "insights", None, None, None, [], {}),
        results.Landing("events", START, END),
    ],
)
def test_an_empty_result_can_be_shown(empty: Any) -> None:
    assert "<table" in empty._repr_html_()


def test_other_results_are_tables() -> None:
    report = results.SavedReportResult(1, "funnels", None, None, None, [], {"a": {"b": 1}})
    listed = results.Records(results.SavedCohort, [results.SavedCohort(1, EVIL)])
    for one in (report, results.SQLResult(["a"], [(EVIL,)]), listed):
        shown = one._repr_html_()
        assert "<table" in shown
        assert "<img" not in shown
        assert "<script" not in shown


def test_a_long_table_says_how_long_it_is() -> None:
    assert "100 rows" in results.SQLResult(["a"], [(n,) for n in range(100)])._repr_html_()


@pytest.fixture
def ws(account: Simulator, tmp_path: Path) -> Iterator[mp.Workspace]:
    """A warehouse of three days, of which one is not landed."""
    for n in range(3):
        account.store.set_day(DAY + timedelta(n), [event("Open", NOON + n * 86_400_000)])
    with mp.Workspace(path=tmp_path / "w.duckdb") as made:
        made.materialize_events(DAY, DAY)
        made.materialize_events(DAY + timedelta(2), DAY + timedelta(2))
        yield made


def test_a_workspace_shows_what_is_landed(ws: mp.Workspace) -> None:
    shown = ws._repr_html_()
    assert "×: not landed: 2024-01-03." in shown
    for cell in ("events", "2024-01-02", "2024-01-04", "2", "2024-01-03"):
        assert f"<td>{cell}</td>" in shown
    assert 'src="data:image/svg+xml,' in shown


def test_a_workspace_to_read_needs_no_credentials_and_is_not_kept_open(
    ws: mp.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MP_USERNAME", "MP_SECRET", "MP_PROJECT_ID"):
        monkeypatch.delenv(name)
    shown = mp.Workspace.open(tmp_path / "w.duckdb")._repr_html_()
    assert "<table" in shown
    duckdb.connect(str(tmp_path / "w.duckdb")).close()  # to write


def odd(tmp_path: Path) -> dict[str, mp.Workspace]:
    """Workspaces that can't show what is landed."""
    (tmp_path / "text.duckdb").write_text("not a database")
    with duckdb.connect(str(tmp_path / "theirs.duckdb")) as connection:
        connection.execute("create table landed (x integer)")
    closed = mp.Workspace.memory()
    closed.close()
    return {
        "there is no warehouse": mp.Workspace.open(tmp_path / f"{EVIL.replace('/', '')}.duckdb"),
        "not a valid DuckDB": mp.Workspace.open(tmp_path / "text.duckdb"),
        "nothing is landed": mp.Workspace.open(tmp_path / "theirs.duckdb"),
        "nothing is landed yet": mp.Workspace.memory(),
        "is closed": closed,
        "there is no account": mp.Workspace(EVIL),
        "no Mixpanel credentials": mp.Workspace(),
    }


def test_a_workspace_that_shows_nothing_says_why_in_a_sentence(tmp_path: Path) -> None:
    for reason, workspace in odd(tmp_path).items():
        shown = workspace._repr_html_()
        assert reason in shown
        assert shown.startswith("<p>")
        assert shown.endswith("</p>")
        assert "<script" not in shown


HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


def test_a_workspace_shows_that_a_load_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        shown = mp.Workspace.open(path)._repr_html_()
        holder.communicate()
    assert f"is in use by process {holder.pid}" in shown


JUPYTER = """
class Shell:
    config = {"IPKernelApp": {}}

def get_ipython():
    return Shell()
"""
LANDING = """
import IPython
import mixpanel_assets as mp
with mp.Workspace.memory() as ws:
    print(ws.materialize_events("2024-01-02", "2024-01-02").to_dict()["rows"])
"""


def test_events_are_landed_in_jupyter_without_ipywidgets(
    account: Simulator, tmp_path: Path
) -> None:
    # DuckDB asks IPython whether it runs in Jupyter, and then refuses to set its progress bar.
    (tmp_path / "IPython.py").write_text(JUPYTER)
    account.store.set_day(DAY, [event("Open", NOON)])
    done = subprocess.run(
        [sys.executable, "-c", LANDING], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr
