"""Other tools, as their own documentation uses them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

from mixpanel_assets.simulator.project import Project
from mixpanel_assets_tests.benchmarks.task import Outcome, Task


def dlt_tables(task: Task) -> Outcome:
    """dlt loaded the events with its defaults: a column for each property, lists as tables."""
    return _dlt(task, {}, {})


def dlt_parquet(task: Task) -> Outcome:
    """The same, through Parquet files instead of INSERT statements."""
    return _dlt(task, {}, {"loader_file_format": "parquet"})


def dlt_json(task: Task) -> Outcome:
    """dlt loaded the events with their properties as one JSON column, through Parquet."""
    return _dlt(task, {"max_table_nesting": 0}, {"loader_file_format": "parquet"})


def _dlt(task: Task, resource: dict[str, Any], run: dict[str, Any]) -> Outcome:
    import dlt

    database = task.scratch / "dlt.duckdb"
    started = perf_counter()
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=str(task.scratch / "pipelines"),
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name="mixpanel",
    )
    events = dlt.resource(task.records(), name="events", **resource)
    pipeline.run(events, **run).raise_on_failed_jobs()
    seconds = perf_counter() - started
    with pipeline.sql_client() as client:
        ((count,),) = client.execute_sql("select count(*) from events") or ((0,),)
    return Outcome(int(count), seconds, database)


def mixpanel_utils(task: Task) -> Outcome:
    """mixpanel-utils exported the days to a file of one JSON list, its default."""
    return _mixpanel_utils(task, "events.json", {"add_gzip_header": True})


def mixpanel_utils_raw(task: Task) -> Outcome:
    """mixpanel-utils copied the answer to a file, unread."""
    return _mixpanel_utils(task, "events.gz", {"add_gzip_header": True, "raw_stream": True})


def _mixpanel_utils(task: Task, name: str, options: dict[str, Any]) -> Outcome:
    from mixpanel_utils import MixpanelUtils

    account = Project()
    start, end, events = _leading_days(task)
    path = task.scratch / name
    exporter = MixpanelUtils(
        account.secret,
        service_account_username=account.username,
        project_id=account.project_id,
    )
    exporter.raw_api = f"{task.url}/api"
    params = {"from_date": str(start), "to_date": str(end), "time_in_ms": "true"}
    started = perf_counter()
    exporter.export_events(str(path), params, **options)
    seconds = perf_counter() - started
    assert path.stat().st_size, "nothing was exported"
    return Outcome(events, seconds)


def _leading_days(task: Task) -> tuple[date, date, int]:
    """The longest beginning of the first range with at most as many events as wanted."""
    start, last = task.spans[0]
    end, events = start, 0
    for path in task.files:
        day, held = date.fromisoformat(path.name[:10]), _events_of(path)
        if day > last or (events and task.most_events and events + held > task.most_events):
            break
        end, events = day, events + held
    return start, end, events


def _events_of(path: Path) -> int:
    return sum(1 for _ in Task("", path.parent, files=(path,)).lines())
