"""What leaves the weekly rhythm is found, once and by its narrowest name; what keeps it is not."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.results import Anomaly
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.warehouse.conftest import STORY, Warehouse, asked

FIRST = date(2024, 1, 1)
DAYS = 28
MIDNIGHT = 1_704_067_200_000  # of the first day, in ms
BY_HOUR = [3, 2, 2, 2, 3, 4, 6, 9, 12, 14, 15, 16, 16, 15, 14, 14, 15, 16, 17, 16, 13, 10, 7, 5]


@dataclass(frozen=True)
class Made:
    """An event of the made-up project."""

    day: int
    hour: int
    event: str
    platform: str
    version: str

    def line(self, n: int) -> str:
        at = MIDNIGHT + (self.day * 24 + self.hour) * 3_600_000 + n % 3_600_000
        own = {"platform": self.platform, "app_version": self.version}
        properties = {"time": at, "distinct_id": f"u{n % 50}", "$insert_id": str(n), **own}
        return json.dumps({"event": self.event, "properties": properties})


def project(days: int = DAYS) -> Iterator[Made]:
    """Four weeks with a rhythm by hour and day of the week."""
    chance = random.Random(3)
    for day in range(days):
        weekend = 0.6 if (FIRST + timedelta(day)).weekday() > 4 else 1.0
        for hour, usual in enumerate(BY_HOUR):
            for _ in range(round(usual * weekend * chance.uniform(0.85, 1.15))):
                event = chance.choice(["Open", "Open", "Buy"])
                yield Made(day, hour, event, chance.choice(["ios", "web", "web"]), "1.0")


Change = Callable[[Made], list[Made]]


def found(warehouse: Warehouse, change: Change, days: int = DAYS, **asking: Any) -> list[Anomaly]:
    made = [one for record in project(days) for one in change(record)]
    lines = [one.line(n) for n, one in enumerate(made)]
    warehouse.load(*lines, day=FIRST, end=FIRST + timedelta(days - 1))
    with asked(warehouse) as connection:
        anomalies: list[Anomaly] = local.anomalies(connection, **asking)
        for one in anomalies:
            days_of = [row[0] for row in connection.execute(one.sql).fetchall()]
            counts = {row[0]: row[2] for row in connection.execute(one.sql).fetchall()}
            assert one.from_time.date() in days_of
            assert counts[one.from_time.date()] == one.actual
    return anomalies


def at(day: int, hour: int) -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hour)


def test_a_steady_rhythm_has_no_anomalies(warehouse: Warehouse) -> None:
    with pytest.warns(AnswerWarning, match="nothing leaves its weekly rhythm in 28 landed days"):
        assert found(warehouse, lambda one: [one]) == []


def test_hours_without_any_event_are_found(warehouse: Warehouse) -> None:
    (one,) = found(warehouse, lambda one: [one] * (not (one.day == 17 and 9 <= one.hour < 13)))
    assert (one.event, one.segment, one.actual) == (None, None, 0)
    assert (one.from_time, one.to_time) == (at(17, 9), at(17, 13))
    assert 50 <= one.expected <= 70


def test_a_lost_event_is_named(warehouse: Warehouse) -> None:
    (one,) = found(warehouse, lambda one: [one] * (not (one.day == 18 and one.event == "Buy")))
    assert (one.event, one.segment, one.actual) == ("Buy", None, 0)
    assert (one.from_time.date(), one.to_time) == (date(2024, 1, 19), at(19, 0))


def test_a_lost_platform_is_named(warehouse: Warehouse) -> None:
    (one,) = found(warehouse, lambda one: [one] * (not (one.day == 18 and one.platform == "ios")))
    assert (one.event, one.segment, one.actual) == (None, "platform = ios", 0)


def test_an_event_lost_on_a_platform_is_named(warehouse: Warehouse) -> None:
    lost = ("Open", "web")
    (one,) = found(
        warehouse, lambda one: [one] * (not (one.day == 18 and (one.event, one.platform) == lost))
    )
    assert (one.event, one.segment, one.actual) == ("Open", "platform = web", 0)


def test_events_that_come_several_times_are_found(warehouse: Warehouse) -> None:
    (one,) = found(
        warehouse, lambda one: [one] * (4 if one.day == 20 and one.event == "Buy" else 1)
    )
    assert (one.event, one.segment) == ("Buy", None)
    assert one.actual > 3 * one.expected


def test_a_version_that_follows_another_is_none(warehouse: Warehouse) -> None:
    chance = random.Random(1)

    def rolled(one: Made) -> list[Made]:
        newer = chance.random() < (one.day - 12) / 4
        return [Made(one.day, one.hour, one.event, one.platform, "2.0" if newer else "1.0")]

    with pytest.warns(AnswerWarning, match="nothing leaves"):
        assert found(warehouse, rolled) == []


def test_only_the_days_asked_about_are_told(warehouse: Warehouse) -> None:
    lost = {(10, 9), (10, 10), (10, 11), (10, 12), (20, 9), (20, 10), (20, 11), (20, 12)}
    (one,) = found(
        warehouse,
        lambda one: [one] * ((one.day, one.hour) not in lost),
        from_date="2024-01-15",
    )
    assert one.from_time == at(20, 9)


def test_days_that_are_not_landed_are_no_anomaly(warehouse: Warehouse) -> None:
    every = list(project())
    for first, last in ((0, 12), (15, 27)):
        lines = [one.line(n) for n, one in enumerate(every) if first <= one.day <= last]
        start, end = FIRST + timedelta(first), FIRST + timedelta(last)
        warehouse.load(*lines, day=start, end=end)
    with asked(warehouse) as connection, pytest.warns(AnswerWarning, match="in 26 landed days"):
        assert local.anomalies(connection) == []


def test_too_few_days_are_said(warehouse: Warehouse) -> None:
    warehouse.load(*STORY[:2])
    with asked(warehouse) as connection, pytest.warns(AnswerWarning, match="1 whole landed day"):
        assert local.anomalies(connection) == []


def test_plain_data_says_from_and_to() -> None:
    one = Anomaly("Buy", at(0, 1), at(0, 2), 5, 0, None, "select 1")
    assert list(one.to_dict()) == ["event", "from", "to", "expected", "actual", "segment", "sql"]
