"""Why Mixpanel's answer may differ from one out of landed events, from what is known of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from mixpanel_assets.expressions import parse_step
from mixpanel_assets.questions.analytics import Analysis, Funnel
from mixpanel_assets.results import FunnelResult, Result
from mixpanel_assets.warehouse.analytics.landed import LandedDays
from mixpanel_assets.warehouse.ask.coverage import as_text, landed_rows
from mixpanel_assets.warehouse.ask.days import late_shares
from mixpanel_assets.warehouse.sql import Connection, first_column, has_tables, number

SETTLED = 5  # days after which hardly anything comes in late
RATE_DIGITS = 6


def difference(local: Result, live: Result) -> list[dict[str, Any]]:
    """The numbers of the two that differ, each with the row that it is of."""
    (names, ours), (other_names, theirs) = local.to_rows(), live.to_rows()
    shared = [name for name in names if name in other_names]
    by_key = [_by_key(shared, names, ours), _by_key(shared, other_names, theirs)]
    found: list[dict[str, Any]] = []
    for key in dict.fromkeys([*by_key[0], *by_key[1]]):
        left, right = by_key[0].get(key, {}), by_key[1].get(key, {})
        found += [
            {**dict(key), "number": name, "local": left.get(name), "live": right.get(name)}
            for name in dict.fromkeys([*left, *right])
            if _rounded(left.get(name)) != _rounded(right.get(name))
        ]
    return found


def _by_key(
    shared: Sequence[str], names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> dict[tuple[tuple[str, Any], ...], dict[str, Any]]:
    """The numbers of each row, by the texts that name it."""
    found = {}
    for row in rows:
        values = {name: value for name, value in zip(names, row, strict=True) if name in shared}
        key = {n: v for n, v in values.items() if isinstance(v, str) or n == "step"}
        found[tuple(key.items())] = {n: v for n, v in values.items() if n not in key}
    return found


def _rounded(value: Any) -> Any:
    # What one answer leaves out is zero in the other.
    if value is None or isinstance(value, int | float):
        return round(value or 0, RATE_DIGITS)
    return value


def causes(
    warehouse: Connection, asked: Analysis[Any], live: Result, zone: str, today: date
) -> list[str]:
    """What is known to make the answers differ, the likeliest first."""
    return list(_causes(_Facts(warehouse, asked), live, zone, today))


class _Facts(LandedDays):
    @property
    def days(self) -> list[date]:
        count = (self.read_until - self.read_from).days + 1
        return [self.read_from + timedelta(n) for n in range(count)]


def _causes(facts: _Facts, live: Result, zone: str, today: date) -> Iterator[str]:
    asked, warehouse = facts.asked, facts.warehouse
    if isinstance(asked, Funnel) and isinstance(live, FunnelResult):
        steps = [step.event for step in live.steps]
        parsed = [parse_step(step) for step in asked.steps]
        ours = [step.event for step in parsed]
        if steps != ours:
            yield f"the saved funnel has the steps {', '.join(steps)}; these are {', '.join(ours)}"
        elif any(step.where for step in parsed):
            yield "the filters of the saved funnel's steps are not known"
    missing = [day for day in facts.days if day <= today and not facts.landed.get(day)]
    if missing:
        yield (
            f"days not landed, or not over when they were: {as_text(missing)}; Mixpanel has them "
            "(mp materialize events --missing)"
        )
    rows = [row for row in landed_rows(warehouse) if row["dataset"] == "events"]
    early = [
        row["day"]
        for row in rows
        if row["day"] in facts.days
        and row["day"] not in missing
        and row["exported_at"].date() <= row["day"] + timedelta(days=SETTLED)
    ]
    if early:
        late = late_shares(warehouse, sorted(facts.landed)[-30:], zone)
        share = max((max(days.values(), default=0) for days in late.values()), default=0)
        known = f"; up to {share:.1f} % of a landed day came in after it" if share else ""
        yield (
            f"days exported within {SETTLED} days, so that later arrivals are not landed: "
            f"{as_text(early)}{known}"
        )
    yield from _of_events(facts, zone)


def _of_events(facts: _Facts, zone: str) -> Iterator[str]:
    warehouse = facts.warehouse
    where = f"event_date between '{facts.read_from}' and '{facts.read_until}'"
    if has_tables(warehouse, "main", "lexicon_events"):
        query = f"""
            select event_name from lexicon_events where hidden and event_name in (
                select distinct event_name from events_wide where {where})
            order by 1
            """
        if hidden := first_column(warehouse, query):
            yield f"hidden in Mixpanel, and landed: {', '.join(hidden)}"
    merges = "event_name in ('$identify', '$create_alias', '$merge')"
    anonymous = "starts_with(distinct_id, '$device:')"
    query = f"select count(*) from events_wide where {where} and ({merges} or {anonymous})"
    if count := number(warehouse, query):
        yield (
            f"{count:,} events are of anonymous people or merge ids; Mixpanel may have merged more "
            "people since these days were exported"
        )
    yield f"days are those of the time zone {zone}; a project of another zone has other days"
