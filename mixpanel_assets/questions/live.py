"""What Mixpanel answers now: each question is one request of the 60 an hour.

Asking raises QueryError for what Mixpanel does not accept, AuthenticationError,
PlanRequiredError, RateLimitError, BudgetExhaustedError, ServerError and UnavailableError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY
from datetime import date
from typing import Annotated, Any, ClassVar, Literal, Self

from mixpanel_assets.errors import UsageError
from mixpanel_assets.naming import all_values, named, some_named
from mixpanel_assets.questions.base import (
    Between,
    Day,
    FirstDay,
    LastDay,
    OverDays,
    Param,
    Question,
    R,
    question,
)
from mixpanel_assets.questions.expressions import condition
from mixpanel_assets.questions.fields import (
    AnyEvent,
    BookmarkId,
    CalendarUnit,
    CalendarUnits,
    CountingOf,
    EventName,
    EventNames,
    Interval,
    LastUnits,
    Limit,
    Number,
    NumericUnit,
    PropertyName,
    SplitBy,
    Unit,
    View,
    Where,
)
from mixpanel_assets.results import (
    ActivityFeedResult,
    EventCountsResult,
    FlowsResult,
    FrequencyResult,
    FunnelResult,
    JQLResult,
    NumericAverageResult,
    NumericBucketResult,
    NumericSumResult,
    PropertyCountsResult,
    RetentionResult,
    SavedReportResult,
    SegmentationResult,
)

MOST_INTERVAL_DAYS = 90
LENGTH_UNITS = {"day": 90, "hour": 90 * 24, "minute": 90 * 1440, "second": 90 * 86400}


@question
class Live(Question[R]):
    """A question that Mixpanel answers."""

    _: KW_ONLY
    workspace_id: View = None


@question
class Segmentation(OverDays[SegmentationResult], Live[SegmentationResult]):
    """Count an event over time, by the values of a property if you like.

    Of the values those with most are given, 60 unless `limit` says more. `interval`, in days,
    replaces `unit`, for people and averages only.
    https://developer.mixpanel.com/reference/segmentation-query
    """

    example: ClassVar[str] = "--event Purchase --from 7d --on plan"

    event: EventName
    _: KW_ONLY
    on: SplitBy = None
    unit: Unit = "day"
    where: Where = None
    type: CountingOf = "general"
    interval: Interval = None
    limit: Limit = None

    def check(self) -> None:
        super().check()
        if self.interval and (self.type == "general" or self.unit != "day"):
            raise UsageError("interval is instead of unit, and for type unique or average only")


@question
class OfNumber(OverDays[R], Live[R]):
    """A question about a number of an event."""

    event: EventName
    _: KW_ONLY
    on: Number
    unit: NumericUnit = "day"
    where: Where = None


@question
class SegmentationNumeric(OfNumber[NumericBucketResult]):
    """Count an event over time by ranges of a number.

    Mixpanel chooses the ranges.
    https://developer.mixpanel.com/reference/segmentation-numeric-query
    """

    example: ClassVar[str] = "--event Purchase --on amount --from 7d"

    _: KW_ONLY
    type: CountingOf = "general"


@question
class SegmentationSum(OfNumber[NumericSumResult]):
    """Add up a number over an event's occurrences.

    Values that are not numbers count as 0.
    https://developer.mixpanel.com/reference/segmentation-sum-query
    """

    example: ClassVar[str] = "--event Purchase --on amount --from 7d"


@question
class SegmentationAverage(OfNumber[NumericAverageResult]):
    """Average a number over an event's occurrences.

    Values that are not numbers count as 0.
    https://developer.mixpanel.com/reference/segmentation-query-average
    """

    example: ClassVar[str] = "--event Purchase --on amount --from 7d"


@question
class Counted(Between[R], Live[R]):
    """A question about counts on a range of days, or in the last units up to now."""

    _: KW_ONLY
    from_date: Annotated[Day | None, FirstDay] = None
    to_date: Annotated[Day | None, LastDay] = None
    type: CountingOf = "general"
    unit: Unit = "day"
    interval: LastUnits = None

    def check(self) -> None:
        super().check()
        if (self.from_date is None) is not bool(self.interval) or (self.interval and self.to_date):
            raise UsageError("give the first day (from_date, --from), or interval alone")
        if self.type == "unique" and self.unit in ("minute", "hour"):
            raise UsageError(
                f"Mixpanel does not count people by {self.unit}", hint="unit day, week, month"
            )

    def dated(self, today: date) -> Self:
        asked = super().dated(today)
        if asked.from_date and not asked.to_date:
            object.__setattr__(asked, "to_date", today)
        return asked


@question
class EventCounts(Counted[EventCountsResult]):
    """Count several events over time.

    https://developer.mixpanel.com/reference/list-recent-events
    """

    example: ClassVar[str] = '--events "Sign Up,Purchase" --from 7d'

    events: EventNames


@question
class PropertyCounts(Counted[PropertyCountsResult]):
    """Count an event's values of a property over time.

    https://developer.mixpanel.com/reference/query-event-properties
    """

    example: ClassVar[str] = "--event Purchase --property plan --from 7d"

    event: EventName
    property_name: PropertyName
    _: KW_ONLY
    values: Annotated[Sequence[str] | None, Param("Only these values.", check=all_values)] = None
    limit: Limit = 10


@question
class Funnel(OverDays[FunnelResult], Live[FunnelResult]):
    """Show how many reached each step of a saved funnel.

    With `unit`, or `interval` in days, also by when they entered; with `on` by its values, 255
    unless `limit` says otherwise. Recent days change until people have had all their time.
    https://developer.mixpanel.com/reference/funnels-query
    """

    example: ClassVar[str] = "7500 --from 7d"

    funnel_id: Annotated[int, Param("The saved funnel's id.", argument=True)]
    _: KW_ONLY
    unit: Annotated[CalendarUnits | None, Param("Also by when they entered.", "-u")] = None
    on: SplitBy = None
    where: Where = None
    length: Annotated[
        int | None, Param("How long people have, 90 days at most; default: as saved.", least=1)
    ] = None
    length_unit: Annotated[
        Literal["day", "hour", "minute", "second"] | None, Param("The unit of length.")
    ] = None
    interval: Interval = None
    limit: Limit = None

    def check(self) -> None:
        super().check()
        if self.unit and self.interval:
            raise UsageError("give unit or interval, not both")
        most = LENGTH_UNITS[self.length_unit] if self.length_unit else max(LENGTH_UNITS.values())
        if self.length and self.length > most:
            raise UsageError(f"length is {self.length:,}, and must be from 1 to {most:,}")


@question
class Retention(OverDays[RetentionResult], Live[RetentionResult]):
    """Show who came back, by when they first did an event.

    They come back with `return_event`, or any event; `on` splits by a property of that. `birth`
    groups people by the first time they did `born_event`; `compounded` needs no `born_event`, and
    counts everyone who did `return_event` in an interval as a group of that interval.
    https://developer.mixpanel.com/reference/retention-query
    """

    example: ClassVar[str] = '--born "Sign Up" --return Purchase --from 30d'

    _: KW_ONLY
    born_event: Annotated[str | None, Param("The event they begin with.", "--born", "-b")] = None
    return_event: Annotated[
        str | None,
        Param("The event they come back with; default: any.", "--return", "-r", check=named),
    ] = None
    born_where: Annotated[
        str | None, Param("An expression about the first event.", check=condition)
    ] = None
    return_where: Annotated[
        str | None, Param("An expression about the second event.", check=condition)
    ] = None
    interval: Annotated[
        int,
        Param("Days in each, with unit day.", "-i", least=1, most=MOST_INTERVAL_DAYS),
    ] = 1
    interval_count: Annotated[
        int, Param("How many intervals after the first.", "--intervals", "-n", least=1)
    ] = 10
    unit: CalendarUnit = "day"
    retention_type: Annotated[
        Literal["birth", "compounded"],
        Param(
            "Count from the first time (birth), or from every time (compounded).", "--type", "-t"
        ),
    ] = "birth"
    unbounded_retention: Annotated[
        bool, Param("Count people in every interval before they last came back.", "--unbounded")
    ] = False
    on: SplitBy = None
    limit: Limit = None

    def check(self) -> None:
        super().check()
        if self.retention_type == "birth" and not (self.born_event or "").strip():
            raise UsageError("retention_type birth needs a born_event")
        if self.interval != 1 and self.unit != "day":  # Mixpanel refuses both
            raise UsageError(
                f"Mixpanel has no intervals of {self.interval} {self.unit}s",
                hint="an interval is of days",
            )


@question
class Frequency(OverDays[FrequencyResult], Live[FrequencyResult]):
    """Show in how many hours or days of each unit people were there.

    https://developer.mixpanel.com/reference/retention-frequency-query
    """

    example: ClassVar[str] = '--event "Page View" --from 7d'

    _: KW_ONLY
    unit: CalendarUnit = "day"
    addiction_unit: Annotated[
        Literal["hour", "day"], Param("What is counted in each unit; smaller than unit.")
    ] = "hour"
    event: AnyEvent = None
    where: Where = None
    on: SplitBy = None
    limit: Limit = None

    def check(self) -> None:
        super().check()
        if self.unit == self.addiction_unit:
            raise UsageError("addiction_unit must be smaller than unit", hint="addiction_unit hour")


@question
class ActivityFeed(OverDays[ActivityFeedResult], Live[ActivityFeedResult]):
    """List what people did.

    Mixpanel sends all of it; the newest `limit` events are kept, with a note if there are more.
    https://developer.mixpanel.com/reference/activity-stream-query
    """

    example: ClassVar[str] = "--users user-1 --from 7d"

    distinct_ids: Annotated[
        Sequence[str], Param("Their distinct ids.", "--users", "-U", check=some_named)
    ]
    _: KW_ONLY
    from_date: Annotated[Day, FirstDay] = "30d"
    limit: Annotated[
        int | None, Param("Only the newest events; 0 for all.", "-l", least=1, zero_is_all=True)
    ] = 1000


@question
class SavedReport(Between[SavedReportResult], Live[SavedReportResult]):
    """Show a saved report: insights, funnels, retention or flows.

    Saved insights, funnels and retention need no `bookmark_type`. Days can be given for retention
    alone, whose series then is as `retention` answers; others are over the days they were saved
    with. https://developer.mixpanel.com/reference/insights-query
    """

    example: ClassVar[str] = "12345"

    bookmark_id: BookmarkId
    _: KW_ONLY
    bookmark_type: Annotated[
        Literal["insights", "funnels", "retention", "flows"],
        Param("The report's type.", "--type", "-t"),
    ] = "insights"
    from_date: Annotated[
        Day | None, Param("First day, of saved retention; default: as saved.", "--from")
    ] = None
    to_date: Annotated[
        Day | None, Param("Last day, of saved retention; default: as saved.", "--to")
    ] = None

    def check(self) -> None:
        super().check()
        if self.from_date is None and self.to_date is None:
            return
        if self.from_date is None or self.to_date is None:
            raise UsageError("give both from_date and to_date, or neither")
        if self.bookmark_type != "retention":
            raise UsageError(
                f"saved {self.bookmark_type} are answered for the days they were saved with",
                hint="leave out from_date and to_date",
            )


@question
class Flows(Live[FlowsResult]):
    """Show a saved report of what people do next.

    Mixpanel does not document this answer.
    """

    example: ClassVar[str] = "12345"

    bookmark_id: BookmarkId


@question
class Jql(Live[JQLResult]):
    """Run a JQL script, which Mixpanel is retiring.

    The script finds `params` in its global of that name. QueryError has error_type, error_message
    and script in its details if the script fails.
    https://developer.mixpanel.com/reference/query-jql
    """

    example: ClassVar[str] = "counts.js --param from_date=2024-01-01"

    script: Annotated[str, Param("The script.", check=named)]
    params: Annotated[Mapping[str, Any] | None, Param("The script's `params`.")] = None
