"""What Dagster shows of a day."""

from datetime import timedelta

from mixpanel_assets.warehouse.ask.days import (
    LATE,
    biggest_events,
    day_previews,
    late_shares,
    weeks_up_to,
)
from mixpanel_assets_tests.warehouse.conftest import DAY, DAY_MS, NOON, Warehouse, by

MIDNIGHT = NOON + DAY_MS // 2  # in UTC, at the end of DAY


def test_nothing_in_an_event_s_name_is_markdown_or_html(warehouse: Warehouse) -> None:
    name = r"<img src=x>|**a**\u001b[2J\u202e\n# b"
    warehouse.load(by("ann", event=name), by("bob", event="Sign_Up"))
    *_, odd, plain = day_previews(warehouse.connection, [DAY])[DAY].splitlines()
    assert odd == r"| &lt;img src=x&gt;\|\*\*a\*\*\\x1b\[2J\\u202e # b | 1 | 1 |"
    assert plain == "| Sign_Up | 1 | 1 |"


def test_an_event_is_late_by_when_it_was_processed_after_its_day_in_the_zone(
    warehouse: Warehouse,
) -> None:
    processed = [NOON, MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + DAY_MS, MIDNIGHT + 5 * DAY_MS]
    warehouse.load(*(by("ann", f'"mp_processing_time_ms":{at}') for at in processed))
    assert late_shares(warehouse.connection, [DAY], "UTC") == {delay: {DAY: 20.0} for delay in LATE}
    # In Berlin the day was over an hour earlier, in New York five hours later.
    berlin = late_shares(warehouse.connection, [DAY], "Europe/Berlin")
    assert [shares[DAY] for shares in berlin.values()] == [40.0, 20.0, 20.0]
    new_york = late_shares(warehouse.connection, [DAY], "America/New_York")
    assert [shares[DAY] for shares in new_york.values()] == [20.0, 20.0, 0.0]


def test_days_whose_events_were_processed_at_no_known_time_have_no_share(
    warehouse: Warehouse,
) -> None:
    warehouse.load(by("ann"))
    assert late_shares(warehouse.connection, [DAY], "UTC") == {delay: {} for delay in LATE}


def test_weeks_end_with_the_day_and_have_only_what_is_landed(warehouse: Warehouse) -> None:
    for n in (0, 1, 13, 14):
        warehouse.load(by("ann"), day=DAY + timedelta(n))
    found = weeks_up_to(warehouse.connection, DAY + timedelta(14), weeks=2)
    assert [(one.day - DAY).days for one in found] == [1, 13, 14]
    assert {one.rows for one in found} == {1}


def test_the_biggest_events_of_a_range_are_in_order(warehouse: Warehouse) -> None:
    warehouse.load(by("ann", event="B"), by("bob", event="B"), by("ann", event="C"))
    warehouse.load(by("ann", event="A"), by("ann", event="D"), day=DAY + timedelta(1))
    days = (DAY, DAY + timedelta(1))
    assert biggest_events(warehouse.connection, *days, events=3) == [("B", 2), ("A", 1), ("C", 1)]
    assert biggest_events(warehouse.connection, DAY, DAY) == [("B", 2), ("C", 1)]
