"""Warehouses for random streams, and how many cases agreed."""

from collections.abc import Iterator
from typing import Any

import pytest

from mixpanel_assets_tests.warehouse.analytics.streams import Landed, landing


@pytest.fixture(scope="module")
def _landed() -> Iterator[Landed]:
    with landing() as landed:
        yield landed


@pytest.fixture
def landed(_landed: Landed, record_property: Any) -> Landed:
    """Lands streams; how many questions are asked is shown in the end."""
    _landed.record = record_property
    return _landed


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show how many cases each test of agreement compared."""
    for report in terminalreporter.stats.get("passed", []):
        cases = dict(report.user_properties).get("cases")
        if cases:
            name = report.nodeid.split("::")[-1]
            terminalreporter.line(f"{name}: {cases:,} cases in {report.duration:.0f} s")
