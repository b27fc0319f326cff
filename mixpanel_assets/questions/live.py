"""Live questions to Mixpanel: each uses one of the 60 requests an hour.

Asking raises QueryError for what Mixpanel rejects, AuthenticationError,
PlanRequiredError, RateLimitError, BudgetExhaustedError, ServerError and UnavailableError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from mixpanel_assets import results
from mixpanel_assets.errors import UsageError
from mixpanel_assets.naming import all_values, named, some_named
from mixpanel_assets.questions import fields
from mixpanel_assets.questions.base import Between, Day, From, OverDays, Param, Question, R, To
from mixpanel_assets.questions.expressions import condition

MOST_INTERVAL_DAYS = 90
LENGTH_UNITS = {"day": 90, "hour": 90 * 24, "minute": 90 * 1440, "second": 90 * 86400}


class Live(Question[R]):
    """A question that Mixpanel answers."""

    _: KW_ONLY
    workspace_id: fields.View = None


class Segmentation(OverDays[results.SegmentationResult], Live[results.SegmentationResult]):
    """Count an event over time, optionally by the values of a property.

    The answer has the 60 most frequent values, or `limit` of them. `interval`, in days, replaces
    `unit`, for people and averages only.
    https://developer.mixpanel.com/reference/segmentation-query
    """

    example: ClassVar[str] = "--event Purchase --from 7d --on plan"

    event: fields.EventName
    _: KW_ONLY
    on: fields.SplitBy = None
    unit: fields.Unit = "day"
    where: fields.Where = None
    type: fields.CountingOf = "general"
    interval: fields.Interval = None
    limit: fields.Limit = None

    def check(self) -> None:
        super().check()
        if self.interval and (self.type == "general" or self.unit != "day"):
            raise UsageError("interval replaces unit, and requires type unique or average")


class OfNumber(OverDays[R], Live[R]):
    """A question about a numeric property of an event."""

    event: fields.EventName
    _: KW_ONLY
    on: fields.Number
    unit: fields.NumericUnit = "day"
    where: fields.Where = None


class SegmentationNumeric(OfNumber[results.NumericBucketResult]):
    """Count an event over time, by ranges of a numeric property.

    Mixpanel chooses the ranges.
    https://developer.mixpanel.com/reference/segmentation-numeric-query
    """

    example: ClassVar[str] = "--event Purchase --on amount --from 7d"

    _: KW_ONLY
    type: fields.CountingOf = "general"


class SegmentationSum(OfNumber[results.NumericSumResult]):
    """Sum a numeric property over time.

    Values that are not numbers count as 0.
    https://developer.mixpanel.com/reference/segmentation-sum-query
    """

    example: ClassVar[str] = "--event Purchase --on amount --from 7d"


class SegmentationAverage(OfNumber[results.NumericAverageResult]):
    """Average a numeric property over time.

    Values that are not numbers count as 0.
    https://developer.mixpanel.com/reference/segmentation-query-average
    """

    example: ClassVar[str] = "--event Purchase --on amount --from 7d"


class Counted(Between[R], Live[R]):
    """A question about counts over a range of days, or over the last `interval` units."""

    _: KW_ONLY
    from_date: Annotated[Day | None, From] = None
    to_date: Annotated[Day | None, To] = None
    type: fields.CountingOf = "general"
    unit: fields.Unit = "day"
    interval: fields.LastUnits = None

    def check(self) -> None:
        super().check()
        if (self.from_date is None) is not bool(self.interval) or (self.interval and self.to_date):
            raise UsageError("give the first day (from_date, --from), or only interval")
        if self.type == "unique" and self.unit in ("minute", "hour"):
            raise UsageError(
                f"Mixpanel does not count people by {self.unit}", hint="unit day, week, month"
            )

    def dated(self, today: date) -> Self:
        asked = super().dated(today)
        if asked.from_date and not asked.to_date:
            object.__setattr__(asked, "to_date", today)
        return asked


class EventCounts(Counted[results.EventCountsResult]):
    """Count several events over time.

    https://developer.mixpanel.com/reference/list-recent-events
    """

    example: ClassVar[str] = '--events "Sign Up,Purchase" --from 7d'

    events: fields.EventNames


class PropertyCounts(Counted[results.PropertyCountsResult]):
    """Count an event over time, by the values of a property.

    https://developer.mixpanel.com/reference/query-event-properties
    """

    example: ClassVar[str] = "--event Purchase --property plan --from 7d"

    event: fields.EventName
    property_name: fields.PropertyName
    _: KW_ONLY
    values: Annotated[Sequence[str] | None, Param("Only these values.", check=all_values)] = None
    limit: fields.Limit = 10


class Funnel(OverDays[results.FunnelResult], Live[results.FunnelResult]):
    """Show how many people reached each step of a saved funnel.

    `unit`, or `interval` in days, splits by time of entry; `on` by values, 255 or `limit` of them.
    Recent days change until the funnel's conversion window has passed.
    https://developer.mixpanel.com/reference/funnels-query
    """

    example: ClassVar[str] = "7500 --from 7d"

    funnel_id: Annotated[int, Param("Id of the saved funnel.", argument=True)]
    _: KW_ONLY
    unit: Annotated[fields.CalendarUnits | None, Param("Split by time of entry.", "-u")] = None
    on: fields.SplitBy = None
    where: fields.Where = None
    length: Annotated[
        int | None, Param("Conversion window, at most 90 days; default: as saved.", least=1)
    ] = None
    length_unit: Annotated[
        Literal["day", "hour", "minute", "second"] | None, Param("Unit of length.")
    ] = None
    interval: fields.Interval = None
    limit: fields.Limit = None

    def check(self) -> None:
        super().check()
        if self.unit and self.interval:
            raise UsageError("use unit or interval, not both")
        most = LENGTH_UNITS[self.length_unit] if self.length_unit else max(LENGTH_UNITS.values())
        if self.length and self.length > most:
            raise UsageError(f"length is {self.length:,}, but must be from 1 to {most:,}")


class Retention(OverDays[results.RetentionResult], Live[results.RetentionResult]):
    """Show how many people came back, by the time of their first event.

    People come back with `return_event`, or any event; `on` splits by a property of that event.
    `birth` groups people by their first `born_event`; `compounded` needs no `born_event`: each
    interval's group is everyone who did `return_event` in it.
    https://developer.mixpanel.com/reference/retention-query
    """

    example: ClassVar[str] = '--born "Sign Up" --return Purchase --from 30d'

    _: KW_ONLY
    born_event: Annotated[str | None, Param("The first event.", "--born", "-b")] = None
    return_event: Annotated[
        str | None,
        Param("The event people come back with; default: any.", "--return", "-r", check=named),
    ] = None
    born_where: Annotated[
        str | None, Param("Filter expression for the first event.", check=condition)
    ] = None
    return_where: Annotated[
        str | None, Param("Filter expression for the return event.", check=condition)
    ] = None
    interval: Annotated[
        int, Param("Days in each interval, with unit day.", "-i", least=1, most=MOST_INTERVAL_DAYS)
    ] = 1
    interval_count: Annotated[
        int, Param("Number of intervals after the first.", "--intervals", "-n", least=1)
    ] = 10
    unit: fields.CalendarUnit = "day"
    retention_type: Annotated[
        Literal["birth", "compounded"],
        Param("Count from the first time (birth) or every time (compounded).", "--type", "-t"),
    ] = "birth"
    unbounded_retention: Annotated[
        bool, Param("Count people in all intervals up to their last return.", "--unbounded")
    ] = False
    on: fields.SplitBy = None
    limit: fields.Limit = None

    def check(self) -> None:
        super().check()
        if self.retention_type == "birth" and not (self.born_event or "").strip():
            raise UsageError("retention_type birth needs a born_event")
        if self.interval != 1 and self.unit != "day":  # Mixpanel refuses both
            raise UsageError(
                f"Mixpanel has no intervals of {self.interval} {self.unit}s", hint="use unit day"
            )


class Frequency(OverDays[results.FrequencyResult], Live[results.FrequencyResult]):
    """Show in how many hours or days of each unit people were active.

    https://developer.mixpanel.com/reference/retention-frequency-query
    """

    example: ClassVar[str] = '--event "Page View" --from 7d'

    _: KW_ONLY
    unit: fields.CalendarUnit = "day"
    addiction_unit: Annotated[
        Literal["hour", "day"], Param("Count hours or days; smaller than unit.")
    ] = "hour"
    event: fields.AnyEvent = None
    where: fields.Where = None
    on: fields.SplitBy = None
    limit: fields.Limit = None

    def check(self) -> None:
        super().check()
        if self.unit == self.addiction_unit:
            raise UsageError("addiction_unit must be smaller than unit", hint="addiction_unit hour")


class ActivityFeed(OverDays[results.ActivityFeedResult], Live[results.ActivityFeedResult]):
    """List the events of some people.

    Mixpanel sends all events; the newest `limit` are kept, with a note if there are more.
    https://developer.mixpanel.com/reference/activity-stream-query
    """

    example: ClassVar[str] = "--users user-1 --from 7d"

    distinct_ids: Annotated[
        Sequence[str], Param("Distinct ids of the people.", "--users", "-U", check=some_named)
    ]
    _: KW_ONLY
    from_date: Annotated[Day, From] = "30d"
    limit: Annotated[
        int | None, Param("Maximum events, the newest (0: all).", "-l", least=1, zero_is_all=True)
    ] = 1000


class SavedReport(Between[results.SavedReportResult], Live[results.SavedReportResult]):
    """Show a saved report: insights, funnels, retention or flows.

    Insights, funnels and retention need no `bookmark_type`. Only retention accepts days, and then
    its series is like that of `retention`; other reports keep the days they were saved with.
    https://developer.mixpanel.com/reference/insights-query
    """

    example: ClassVar[str] = "12345"

    bookmark_id: fields.BookmarkId
    _: KW_ONLY
    bookmark_type: Annotated[
        Literal["insights", "funnels", "retention", "flows"],
        Param("Type of the report.", "--type", "-t"),
    ] = "insights"
    from_date: Annotated[
        Day | None, Param("First day, for retention; default: as saved.", "--from")
    ] = None
    to_date: Annotated[Day | None, Param("Last day, for retention; default: as saved.", "--to")] = (
        None
    )

    def check(self) -> None:
        super().check()
        if self.from_date is None and self.to_date is None:
            return
        if self.from_date is None or self.to_date is None:
            raise UsageError("give both from_date and to_date, or neither")
        if self.bookmark_type != "retention":
            raise UsageError(
                f"a report of type {self.bookmark_type} keeps the days it was saved with",
                hint="omit from_date and to_date",
            )


class Flows(Live[results.FlowsResult]):
    """Show a saved flows report: what people do next.

    Mixpanel does not document this answer.
    """

    example: ClassVar[str] = "12345"

    bookmark_id: fields.BookmarkId


class Jql(Live[results.JQLResult]):
    """Run a JQL script (Mixpanel is retiring JQL).

    `params` is a global of the script. If the script fails, the details of the QueryError have
    error_type, error_message and script.
    https://developer.mixpanel.com/reference/query-jql
    """

    example: ClassVar[str] = "counts.js --param from_date=2024-01-01"

    script: Annotated[str, Param("Text of the script.", check=named)]
    params: Annotated[Mapping[str, Any] | None, Param("Values for the script's `params`.")] = None
