"""What mixpanel-headless and our Workspace are asked alike; of some things our tables as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mixpanel_assets.simulator.app.bookmarks import Bookmark
from mixpanel_assets_tests.judges.comparing import Canonical, only, plain, series, unordered
from mixpanel_assets_tests.judges.stage import Stage

Ours = Callable[[Stage], Any]

TEN = "they ask for Mixpanel's default of the 10 commonest, we for up to 2,000"
BOOKMARK = "they ask /funnels for the id of a report, which nobody documents; the simulator refuses"
STREAM = (
    "they ask the undocumented /stream/bookmark; the simulator has the documented /stream/query"
)
ENTITY = (
    "they take what entity_name finds for one schema; by the vendor's specification it is a list"
)
NOTE = "they insist on a project_id in each annotation; the vendor's specification has none"
WRAPPED = "they hand `on` on as it is, and a bare name is no expression; we wrap it"


@dataclass(frozen=True)
class Question:
    """A method of theirs, and what it is compared with."""

    name: str
    ours: Ours
    method: str
    args: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    canonical: Canonical = plain
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What the client's script needs of it."""
        return {
            "name": self.name,
            "method": self.method,
            "args": self.args,
            "options": {**self.options},
        }


def questions(stage: Stage) -> list[Question]:
    """All of them; ours are answered by Workspace, or by SQL where the name says so."""
    return [*_saved(stage), *_names(), *_reports(stage), *_tables(stage)]


def _alike(
    method: str,
    *args: Any,
    ours: str = "",
    canonical: Canonical = plain,
    reason: str = "",
    says: str = "",
    **options: Any,
) -> Question:
    """A method that both have; `ours` if it has another name with us."""

    def answer(stage: Stage) -> Any:
        found = getattr(stage.workspace, ours or method)(*args, **options)
        if hasattr(found, "to_dicts"):
            return found.to_dicts()
        return found.to_dict() if hasattr(found, "to_dict") else found

    name = f"{method}{f' {says}' if says else ''}"
    return Question(name, answer, method, args, options, canonical, reason)


def _saved(stage: Stage) -> Iterator[Question]:
    note = only("id", "date", "description")
    bookmark = only("id", "name", "type", "project_id", "created", "modified", "description")
    yield _alike("funnels", canonical=unordered)
    yield _alike("cohorts", canonical=unordered)
    yield _alike("list_bookmarks", canonical=bookmark)
    yield _alike("lexicon_schemas", canonical=_described)
    yield _alike("lexicon_schema", "event", "Purchase", says="of an event", reason=ENTITY)
    yield _alike("lexicon_schema", "profile", "$user", says="of profiles", reason=ENTITY)
    yield _alike("list_annotations", ours="annotations", canonical=note, reason=NOTE)
    for funnel in stage.simulator.funnels:
        yield _alike("funnel", funnel.id, says=f'"{funnel.name}"', **stage.days)
    funnel = next(iter(stage.simulator.funnels))
    yield _alike("funnel", funnel.id, says="by plan", on="plan", reason=WRAPPED, **stage.days)
    for report in stage.simulator.bookmarks:
        yield _report(stage, report)


def _report(stage: Stage, report: Bookmark) -> Question:
    about: dict[str, Any] = {"says": f'"{report.name}"', "bookmark_type": report.type}
    if report.type == "flows":
        return _alike("query_saved_flows", report.id, ours="query_flows")
    if report.type != "retention":
        reason = BOOKMARK if report.type == "funnels" else ""
        return _alike("query_saved_report", report.id, reason=reason, **about)
    # They ask /retention for it, as we do only where days are given: those it was saved with.
    span = report.report.span(stage.last)
    days: dict[str, Any] = {"from_date": str(span.start), "to_date": str(span.end)}
    return _alike("query_saved_report", report.id, canonical=only("series"), **about, **days)


def _names() -> Iterator[Question]:
    yield _alike("events")
    yield _alike("properties", "Purchase", reason=TEN)
    yield _alike("property_values", "plan", event="Purchase", says="of plan")
    yield _alike("property_values", "currency", event="Purchase", limit=3, says="of currency")
    yield _alike("property_values", "Plan", event="Page View", says="of Plan, not plan")
    for counted in ("general", "unique"):
        yield _alike("top_events", type=counted, says=counted)


def _reports(stage: Stage) -> Iterator[Question]:
    days, amount = stage.days, 'properties["amount"]'
    paying = 'properties["plan"] != "free"'
    both = ["Purchase", "Page View"]
    yield _alike("segmentation", "Purchase", says="a day", **days)
    yield _alike("segmentation", "Purchase", on="plan", canonical=series, says="by plan", **days)
    yield _alike(
        "segmentation",
        "Page View",
        on="$browser",
        unit="week",
        where=paying,
        canonical=series,
        says="by $browser a week, paying",
        **days,
    )
    yield _alike("segmentation_numeric", "Purchase", on=amount, canonical=series, **days)
    yield _alike("segmentation_sum", "Purchase", on=amount, **days)
    yield _alike("segmentation_average", "Purchase", on=amount, **days)
    yield _alike("event_counts", both, says="a day", **days)
    yield _alike("event_counts", both, type="unique", unit="week", says="people a week", **days)
    yield _alike("property_counts", "Purchase", "plan", canonical=series, **days)
    born: dict[str, Any] = {"born_event": "Sign Up", **days}
    yield _alike("retention", return_event="Purchase", says="by day", **born)
    yield _alike(
        "retention", return_event="Page View", unit="week", interval_count=2, says="by week", **born
    )
    yield _alike("retention", return_event="Purchase", return_where=paying, says="paying", **born)
    yield _alike("frequency", event="Purchase", says="hours a day", **days)
    yield _alike("frequency", unit="week", addiction_unit="day", says="days a week", **days)
    somebody = f"user-{stage.first:%y%m%d}-0000"  # who signed up on the first day
    feed = only("events")
    yield _alike("activity_feed", [somebody], canonical=feed, reason=STREAM, **days)


def _tables(stage: Stage) -> Iterator[Question]:
    days, amount = stage.days, 'properties["amount"]'
    each_day = "select event_name, event_date::varchar, {} from events_wide where {} group by all"
    both = "event_name in ('Purchase', 'Page View')"
    purchases = "event_name = 'Purchase'"

    def of_tables(query: str, method: str, *args: Any, says: str, **options: Any) -> Question:
        def answer(stage: Stage) -> Any:
            return _pivot(stage.rows(query))

        return Question(f"{method} {says}, SQL", answer, method, args, options, series)

    names = ["Purchase", "Page View"]
    yield of_tables(each_day.format("count(*)", both), "event_counts", names, says="a day", **days)
    people = each_day.format("count(distinct distinct_id)", both)
    yield of_tables(people, "event_counts", names, type="unique", says="people a day", **days)
    by_plan = (
        "select coalesce(plan, 'undefined'), event_date::varchar, count(*) from events_wide"
        f" where {purchases} group by all"
    )
    yield of_tables(by_plan, "segmentation", "Purchase", on="plan", says="by plan", **days)
    for method, sql in (("segmentation_sum", "sum"), ("segmentation_average", "avg")):
        query = each_day.format(f"{sql}(amount)", purchases)
        yield Question(
            f"{method}, SQL",
            partial(_of_purchases, query),
            method,
            ("Purchase",),
            {"on": amount, **days},
            lambda value: series({"Purchase": value.get("results", value)}),
        )


def _described(schemas: Any) -> list[Any]:
    """Lexicon entries; an empty description is none."""

    def blank(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: blank(inner) for name, inner in value.items() if inner not in ("", None)}
        return value

    return unordered([blank(schema) for schema in schemas])


def _of_purchases(query: str, stage: Stage) -> Any:
    return _pivot(stage.rows(query))["Purchase"]


def _pivot(rows: list[tuple[Any, ...]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for segment, day, number in rows:
        found.setdefault(segment, {})[day] = number
    return found
