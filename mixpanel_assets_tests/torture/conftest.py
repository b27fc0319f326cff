"""Each promise is tried a few times by default and very often with `--torture`.

A test says with `figures` what it tried and saw; the end of the run prints all of it as a
table, and with `--write docs/reliability.md` puts it into that page.
"""

from collections.abc import Callable
from typing import Any

import pytest

from mixpanel_assets_tests.documents import machine_facts, put_into

FIGURE = "figure"

Tries = Callable[[int, int], int]
Figures = Callable[[str, int, str], None]


@pytest.fixture
def tries(request: pytest.FixtureRequest) -> Tries:
    """`tries(3, 200)` is 3, or 200 in the long form."""
    long = request.config.getoption("--torture")
    return lambda few, many: many if long else few


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """`figures(promise, tries, seen)`: one row of the table."""
    return lambda promise, count, seen: record_property(FIGURE, f"{promise} | {count:,} | {seen}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    config, passed = terminalreporter.config, terminalreporter.stats.get("passed", ())
    rows = [value for test in passed for name, value in test.user_properties if name == FIGURE]
    if not (rows and config.getoption("--torture")):
        return
    table = ["| What | Tries | Seen |", "| --- | --- | --- |"]
    table += [f"| {row[0].upper()}{row[1:]} |" for row in sorted(rows, key=str.lower)]
    text = "\n".join([machine_facts(), "", *table])
    terminalreporter.section("tried")
    terminalreporter.line(text)
    if document := config.getoption("--write"):
        put_into(document, text, "torture")
