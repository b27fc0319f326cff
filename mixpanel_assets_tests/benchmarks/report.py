"""What was measured as Markdown, printed or put into a document."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence

from mixpanel_assets_tests.benchmarks.goals import Goal, database_bytes
from mixpanel_assets_tests.benchmarks.measure import Measurement
from mixpanel_assets_tests.benchmarks.profiles import History
from mixpanel_assets_tests.benchmarks.suite import KEYS, Result

MB = 1_000_000


def cases_table(results: Mapping[str, Result]) -> str:
    """The cases side by side; ratios are of events a second."""
    head = (
        "",
        "what",
        "events",
        "seconds",
        "events/s",
        "ratio to (c)",
        "CPU s",
        "peak RSS MB",
        "DB MB",
    )
    floor = results["read_json"].took.rate if "read_json" in results else 0.0
    shown = [result for result in results.values() if result.case.key in KEYS[:-2]]
    rows = [_case_row(result.case.key, result.case.says, result.took, floor) for result in shown]
    return table(head, rows)


def _case_row(key: str, says: str, took: Measurement, floor: float) -> list[str]:
    if took.problem:
        return [f"({key})", f"{says}: {took.problem}", *["–"] * 7]
    ratio = _ratio(took.rate / floor) if floor else "–"
    return [f"({key})", says, *_numbers(took), ratio, f"{took.cpu_seconds:.1f}", *_sizes(took)]


def _numbers(took: Measurement) -> list[str]:
    return [f"{took.events:,}", f"{took.seconds:.2f}", f"{took.rate:,.0f}"]


def _sizes(took: Measurement) -> list[str]:
    size = took.database_bytes
    return [f"{took.peak_bytes / MB:,.0f}", _megabytes(size) if size else "–"]


def size_table(results: Mapping[str, Result], gzip_bytes: int) -> str:
    """Databases of the same events."""
    sizes = {
        "ours: verbatim JSON and typed columns": database_bytes(results, "ingest"),
        "JSON column, DuckDB's own compression": database_bytes(results, "read_json"),
        "JSON column, uncompressed": database_bytes(results, "read_json_uncompressed"),
        "the days as gzip files": gzip_bytes,
    }
    plain = sizes["JSON column, DuckDB's own compression"]
    rows = [
        [says, _megabytes(size), f"{size / plain:.0%}" if plain else "–"]
        for says, size in sizes.items()
        if size
    ]
    return table(("layout", "MB", "of the JSON column"), rows)


def queries_table(results: Mapping[str, Result]) -> str:
    """The questions, or why they were not asked."""
    took = results["queries"].took
    if took.problem:
        return f"Queries: {took.problem}"
    rows = [
        [
            row["question"],
            f"{row['typed'] * 1000:.1f}",
            f"{row['json'] * 1000:.1f}",
            _ratio(row["json"] / row["typed"]),
        ]
        for row in took.more["rows"]
    ]
    return table(("question", "typed ms", "JSON ms", "times faster"), rows)


def landings_table(what: str, rows: Sequence[tuple[str, Measurement]]) -> str:
    """Our landings of several inputs."""
    head = (what, "events", "seconds", "events/s", "µs an event", "peak RSS MB", "DB MB")
    return table(head, [_landing_row(says, took) for says, took in rows])


def _landing_row(says: str, took: Measurement) -> list[str]:
    if took.problem:
        return [f"{says}: {took.problem}", *["–"] * 6]
    return [says, *_numbers(took), f"{1e6 / took.rate:.1f}", *_sizes(took)]


def snapshots_table(two: History) -> str:
    """A first snapshot, and the next one."""
    if two.problem:
        return f"Snapshots: {two.problem}"
    head = ("snapshot", "profiles", "seconds", "profiles/s", "CPU s", "peak RSS MB")
    names = ("the first", "the next: 1 % changed")
    rows = [
        [
            name,
            *_numbers(took),
            f"{took.cpu_seconds:.1f}",
            f"{took.peak_bytes / MB:,.0f}",
            f"{took.more['metered']}",
            f"{took.more['requests']:,}",
            f"{took.more['added']:,}",
            _megabytes(took.database_bytes or 0),
        ]
        for name, took in zip(names, two.took, strict=False)
    ]
    return table((*head, "queries of the hour", "pages asked for", "rows added", "DB MB"), rows)


def history_table(many: History) -> str:
    """What many snapshots keep, against as many copies of the first."""
    if many.problem:
        return f"History: {many.problem}"
    copies, first, last = len(many.took), many.took[0], many.took[-1]
    seconds = statistics.median(took.seconds for took in many.took[1:])
    rows = [
        ["the first snapshot", f"{first.events:,}", _megabytes(first.database_bytes or 0)],
        [f"all {copies}, as kept", f"{many.rows:,}", _megabytes(last.database_bytes or 0)],
        [
            f"{copies} full copies",
            f"{copies * first.events:,}",
            _megabytes(copies * (first.database_bytes or 0)),
        ],
    ]
    head = (f"{many.profiles:,} profiles, 1 % changed a day", "rows", "DB MB")
    return f"{table(head, rows)}\n\nA snapshot after the first took {seconds:.2f} s (median)."


def goals_table(goals: Sequence[Goal]) -> str:
    """Each goal, what was measured, and whether it is met."""
    rows = [
        [goal.says, _shown(goal, goal.value), _limit(goal), "met" if goal.met else "**not met**"]
        for goal in goals
    ]
    return table(("ratio", "measured", "goal", ""), rows)


def _shown(goal: Goal, value: float) -> str:
    return f"{value:.0%}" if goal.percent else _ratio(value)


def _limit(goal: Goal) -> str:
    return f"at {'least' if goal.at_least else 'most'} {_shown(goal, goal.limit)}"


def _ratio(value: float) -> str:
    if value >= 10:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _megabytes(size: int) -> str:
    return f"{size / MB:,.1f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---", *["---"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
