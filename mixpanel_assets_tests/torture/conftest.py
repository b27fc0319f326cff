"""Each promise is tried a few times by default and very often with `--torture`.

A test says with `figures` what it tried and saw; the end of the run prints all of it as a
table, and with `--write docs/how-it-works/reliability.md` puts it into that page.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from mixpanel_assets_tests.documents import machine_facts, put_into

FIGURE = "figure"

Figures = Callable[[str, int, str | dict[str, int]], None]


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """`figures(promise, tries, seen)`: one row of the table, added to others of the promise."""
    return lambda promise, count, seen: record_property(FIGURE, (promise, count, seen))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    config, passed = terminalreporter.config, terminalreporter.stats.get("passed", ())
    told = [value for test in passed for name, value in test.user_properties if name == FIGURE]
    if not (told and config.getoption("--torture")):
        return
    table = ["| What | Tries | Seen |", "| --- | --- | --- |", *_rows(told)]
    text = "\n".join([machine_facts(), "", *table])
    terminalreporter.section("tried")
    terminalreporter.line(text)
    if document := config.getoption("--write"):
        put_into(document, text, "torture")


def _rows(told: Iterable[tuple[str, int, str | dict[str, int]]]) -> list[str]:
    tries: Counter[str] = Counter()
    seen: dict[str, str] = {}
    counts: dict[str, Counter[str]] = {}
    for promise, count, what in told:
        tries[promise] += count
        if isinstance(what, dict):
            counts.setdefault(promise, Counter()).update(what)
        else:
            seen[promise] = what
    for promise, times in counts.items():
        seen[promise] = ", ".join(f"{count} {what}" for what, count in sorted(times.items()))
    return [
        f"| {promise[0].upper()}{promise[1:]} | {tries[promise]:,} | {what} |"
        for promise, what in sorted(seen.items(), key=lambda row: row[0].lower())
    ]
