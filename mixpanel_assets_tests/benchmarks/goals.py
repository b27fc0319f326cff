"""What the ratios are meant to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixpanel_assets_tests.benchmarks.measure import Measurement
from mixpanel_assets_tests.benchmarks.suite import Result


@dataclass(frozen=True)
class Goal:
    """A ratio and where it should be."""

    says: str
    value: float
    limit: float
    at_least: bool = True
    percent: bool = False

    @property
    def met(self) -> bool:
        """Whether the ratio is where it should be."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def goals(results: Mapping[str, Result]) -> list[Goal]:
    """The goals that these results speak of."""
    rates = {name: result.took.rate for name, result in results.items() if result.took.rate}
    ours = rates.get("ingest", 0.0)
    found = [
        Goal(f"ours / {says}", ours / min_rate, limit)
        for says, names, limit in (
            ("bare DuckDB in one statement", ["read_json"], 0.5),
            ("bare DuckDB file by file", ["read_json_by_file"], 0.5),
            ("`executemany`", ["executemany"], 100),
            ("the fastest dlt", ["dlt_tables", "dlt_parquet", "dlt_json"], 10),
        )
        if ours and (min_rate := max((rates.get(name, 0.0) for name in names), default=0.0))
    ]
    return [*found, *_size_goals(results), *_query_goals(results)]


def _size_goals(results: Mapping[str, Result]) -> list[Goal]:
    ours = database_bytes(results, "ingest")
    plain = {
        "JSON column": database_bytes(results, "read_json"),
        "JSON column, uncompressed": database_bytes(results, "read_json_uncompressed"),
    }
    return [
        Goal(f"database / {says}", ours / size, 0.65, at_least=False, percent=True)
        for says, size in plain.items()
        if ours and size
    ]


def _query_goals(results: Mapping[str, Result]) -> list[Goal]:
    asked = results.get("queries")
    rows = asked.took.more.get("rows", []) if asked else []
    return [Goal(f"typed / JSON, {r['question']}", r["json"] / r["typed"], 30) for r in rows]


def scaling_goal(rows: Sequence[tuple[str, Measurement]]) -> list[Goal]:
    """The cost of an event is flat."""
    rates = [took.rate for _, took in rows if took.rate]
    if len(rates) < 2:
        return []
    return [Goal("cost per event, max / min", max(rates) / min(rates), 1.5, at_least=False)]


def sparse_goals(rows: Sequence[tuple[str, Measurement]]) -> list[Goal]:
    """Many properties cost little more than few."""
    (_, dense), *others = rows
    return [
        Goal(f"time for {says} / for 30", took.seconds / dense.seconds, 2.5, at_least=False)
        for says, took in others
        if took.rate and dense.rate
    ]


def database_bytes(results: Mapping[str, Result], name: str) -> int:
    """The size of the database that a case left; 0 if none."""
    return (results[name].took.database_bytes or 0) if name in results else 0
