"""Analytics over landed events, with Mixpanel's semantics and without a request: `mp ask`.

docs/analytics.md has the semantics of each question. Asking raises DatabaseNotFoundError,
DatabaseLockedError, TableNotFoundError and EventNotFoundError.
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY
from typing import Annotated, ClassVar, Literal

from mixpanel_assets import results
from mixpanel_assets.errors import UsageError
from mixpanel_assets.expressions import parse_step
from mixpanel_assets.naming import some_named
from mixpanel_assets.questions import fields
from mixpanel_assets.questions.analysis import (
    breakdown,
    duration,
    each_step,
    exclusions,
    expression,
    milliseconds,
    step,
)
from mixpanel_assets.questions.base import Between, Day, From, Param, R
from mixpanel_assets.questions.local import EventsTable

DAY_MS = 86_400_000
ALL_MS = 50 * 366 * DAY_MS  # Mixpanel has no older events
MOST_HELD = 3  # properties, as in Mixpanel
MOST_INTERVALS = 120
MOST_ALIKE = 5  # steps of one event in any order: every order of them is tried
IDLE = "30m"

EventStep = Annotated[
    str, Param('Event, or with a filter: "Purchase[amount > 50]".', argument=True, check=step)
]
AnyStep = Annotated[
    str | None, Param("Event, or with a filter; default: any.", argument=True, check=step)
]
By = Annotated[str | None, Param("Split by a property or an expression.", "-b", check=breakdown)]
TopSegments = Annotated[
    int, Param("Segments, the largest first; others are $other.", "-l", least=1, most=10_000)
]
Idle = Annotated[
    str, Param("Time without an event that ends a session; midnight also does.", check=duration)
]
WeekStart = Annotated[
    Literal["monday", "sunday"], Param("First day of a week, as in the project's settings.")
]


class Analysis(Between[R]):
    """A question about what people do, answered from landed events.

    People are those of the column `person`; events without a distinct_id belong to nobody.
    """

    _: KW_ONLY
    from_date: Annotated[Day, From]
    to_date: Annotated[
        Day | None,
        Param("Last day (inclusive); default: the last landed day that is over.", "--to"),
    ] = None
    where: Annotated[
        str | None,
        Param('Only events that match, such as plan != "free".', "-w", check=expression),
    ] = None
    sql_where: Annotated[str | None, Param("Only events that match this SQL expression.")] = None
    table: EventsTable = "events"

    @property
    def reads_ms(self) -> int:
        """How long after the last day events still count."""
        return 0

    @property
    def looks_back_ms(self) -> int:
        """How long before the first day events already count."""
        return 0


class Funnel(Analysis[results.LocalFunnelResult]):
    """Show how many people reached each step of a funnel, in order and within a window.

    The window begins with a person's first step. Steps within two seconds of each other are
    interchangeable. `by` is a property of the first step's event. Steps take a filter:
    "Purchase[amount > 50]".
    https://docs.mixpanel.com/docs/reports/funnels/funnels-advanced
    """

    example: ClassVar[str] = '"Add To Cart" Purchase --from 30d --window 1d'

    steps: Annotated[
        Sequence[str],
        Param("Events, each optionally with a filter.", argument=True, whole=True, check=each_step),
    ]
    _: KW_ONLY
    window: Annotated[
        str, Param("Time to convert: 7d, 24h, 30m, 10s; at most 366d.", check=duration)
    ] = "7d"
    by: By = None
    count: Annotated[
        Literal["uniques", "totals", "sessions"],
        Param("Count people once, every attempt, or sessions."),
    ] = "uniques"
    order: Annotated[Literal["specific", "any"], Param("Steps in this order, or in any.")] = (
        "specific"
    )
    hold: Annotated[
        Sequence[str] | None,
        Param("Properties whose values all steps must share, at most 3.", check=some_named),
    ] = None
    exclude: Annotated[
        Sequence[str] | None,
        Param(
            "Event that ends an attempt; X:1-2: between steps 1 and 2.",
            whole=True,
            check=exclusions,
        ),
    ] = None
    reentry: Annotated[
        bool, Param("Count people who convert from any entry, not only their first.")
    ] = False
    where_applies: Annotated[
        Literal["events", "entries"],
        Param("Filter all events, or only the entries afterward, as a report does."),
    ] = "events"
    unit: Annotated[fields.CalendarUnits | None, Param("Split by time of entry.", "-u")] = None
    per_unit: Annotated[
        bool, Param("With --unit: one funnel per unit, in which people enter again (line chart).")
    ] = False
    week_start: WeekStart = "monday"
    idle: Idle = IDLE
    limit: TopSegments = 200

    def check(self) -> None:
        super().check()
        if len(self.steps) < 2:
            raise UsageError(
                "a funnel has two steps or more", hint='mp ask funnel "Sign Up" Purchase'
            )
        if milliseconds(self.window) > 366 * DAY_MS:
            raise UsageError(f"window {self.window} is longer than 366 days")
        if len(self.hold or ()) > MOST_HELD:
            raise UsageError(f"at most {MOST_HELD} properties can be held constant")
        if self.reentry and self.count == "totals":
            raise UsageError("reentry is for people or sessions", hint="totals re-enter anyway")
        if self.per_unit and not self.unit:
            raise UsageError("per_unit needs a unit", hint="--unit day --per-unit")
        if self.order == "any" and self.hold:
            raise UsageError("hold needs a specific order")
        events = [parse_step(one).event for one in self.steps]
        if self.order == "any" and max(map(events.count, events)) > MOST_ALIKE:
            raise UsageError(f"in any order, at most {MOST_ALIKE} steps can be of the same event")

    @property
    def reads_ms(self) -> int:
        return milliseconds(self.window)


class Retention(Analysis[results.LocalRetentionResult]):
    """Show how many people came back, by the time of their first event.

    An interval is 24 hours, 7 or 30 days from the first event, or with `calendar` a day, week or
    month of the calendar.
    https://docs.mixpanel.com/docs/reports/retention
    """

    example: ClassVar[str] = '--born "Sign Up" --return Purchase --unit week --from 30d'

    _: KW_ONLY
    born: Annotated[
        str | None, Param("The first event; may have a filter.", "--born", check=step)
    ] = None
    return_event: Annotated[
        str | None,
        Param("The event people come back with; default: any.", "--return", "-r", check=step),
    ] = None
    unit: fields.CalendarUnit = "day"
    interval_count: Annotated[
        int,
        Param(
            "Number of intervals after the first.", "--count", "-n", least=1, most=MOST_INTERVALS
        ),
    ] = 10
    on_or_after: Annotated[
        bool, Param("Count people in all intervals up to their last return.")
    ] = False
    calendar: Annotated[bool, Param("Intervals of the calendar instead of 24 hours.")] = False
    retention_type: Annotated[
        Literal["birth", "compounded"],
        Param(
            "Start at a person's first event (birth), or in every unit (compounded).",
            "--type",
            "-t",
        ),
    ] = "birth"
    by: By = None
    by_event: Annotated[Literal["born", "return"], Param("The event whose property splits.")] = (
        "born"
    )
    week_start: WeekStart = "monday"
    limit: TopSegments = 200

    def check(self) -> None:
        super().check()
        if self.retention_type == "birth" and self.born is None:
            raise UsageError("birth retention needs the first event", hint='--born "Sign Up"')
        if self.retention_type == "compounded" and self.born is not None:
            raise UsageError("compounded retention has no first event", hint="omit born")

    @property
    def reads_ms(self) -> int:
        days = {"day": 1, "week": 7, "month": 31 if self.calendar else 30}[self.unit]
        return (self.interval_count + 1) * days * DAY_MS


class Segmentation(Analysis[results.LocalSegmentationResult]):
    """Count an event over time, or sum or average a property of it.

    https://docs.mixpanel.com/docs/reports/insights
    """

    example: ClassVar[str] = "Purchase --from 30d --by plan --type unique"

    event: EventStep
    _: KW_ONLY
    by: By = None
    unit: fields.Unit = "day"
    type: fields.CountingOf = "general"
    sum: Annotated[str | None, Param("Sum this property or expression.", check=breakdown)] = None
    average: Annotated[
        str | None, Param("Average this property or expression.", check=breakdown)
    ] = None
    week_start: WeekStart = "monday"
    limit: TopSegments = 200

    def check(self) -> None:
        super().check()
        if self.sum and self.average:
            raise UsageError("use sum or average, not both")
        if (self.sum or self.average) and self.type != "general":
            raise UsageError("type is not for sums and averages")


class Frequency(Analysis[results.LocalFrequencyResult]):
    """Show in how many hours or days of each unit people were active.

    https://docs.mixpanel.com/docs/reports/retention
    """

    example: ClassVar[str] = '"Page View" --from 30d --unit week --addiction-unit day'

    event: AnyStep = None
    _: KW_ONLY
    unit: fields.CalendarUnit = "day"
    addiction_unit: Annotated[
        Literal["hour", "day"], Param("Count hours or days; smaller than unit.")
    ] = "hour"
    by: By = None
    exactly: Annotated[bool, Param("Exactly 1, 2, 3 ... times instead of at least.")] = False
    week_start: WeekStart = "monday"
    limit: TopSegments = 200

    def check(self) -> None:
        super().check()
        if self.unit == self.addiction_unit:
            raise UsageError("addiction_unit must be smaller than unit", hint="addiction_unit hour")


class Sessions(Analysis[results.SessionsResult]):
    """Count sessions: how many, how long, with how many events.

    A session ends after 30 minutes without an event, and at midnight in the project's time zone.
    https://docs.mixpanel.com/docs/features/sessions
    """

    example: ClassVar[str] = "--from 7d"

    _: KW_ONLY
    unit: fields.CalendarUnit = "day"
    idle: Idle = IDLE
    exclude: Annotated[
        Sequence[str] | None, Param("Events to leave out of sessions.", check=some_named)
    ] = None
    week_start: WeekStart = "monday"


class Flows(Analysis[results.LocalFlowsResult]):
    """Show what people do next: the commonest paths from an event, or from a session's start.

    https://docs.mixpanel.com/docs/reports/flows
    """

    example: ClassVar[str] = '"Sign Up" --from 30d --steps 3'

    event: Annotated[
        str | None,
        Param("Where paths begin; default: every session.", argument=True, check=step),
    ] = None
    _: KW_ONLY
    steps: Annotated[int, Param("Events after the first.", least=1, most=8)] = 3
    before: Annotated[bool, Param("Show the paths that lead to the event instead.")] = False
    window: Annotated[str, Param("Time from the first to the last event.", check=duration)] = "30d"
    count: Annotated[
        Literal["uniques", "totals"], Param("Count people's first path, or every one.")
    ] = "uniques"
    hide: Annotated[
        Sequence[str] | None, Param("Events that paths leave out.", check=some_named)
    ] = None
    collapse: Annotated[bool, Param("Repeats of an event in a row count once.")] = False
    idle: Idle = IDLE
    limit: Annotated[int, Param("Paths of each length, the commonest first.", "-l", least=1)] = 50

    def check(self) -> None:
        super().check()
        if self.before and self.event is None:
            raise UsageError("paths that lead to an event need the event")

    @property
    def reads_ms(self) -> int:
        return milliseconds(self.window) if self.event and not self.before else 0

    @property
    def looks_back_ms(self) -> int:
        return milliseconds(self.window) if self.before else 0


class ActiveUsers(Analysis[results.ActiveUsersResult]):
    """Count people who were active on a day, in the 7 and in the 30 days up to it.

    https://docs.mixpanel.com/docs/reports/insights
    """

    example: ClassVar[str] = "--from 30d"

    event: AnyStep = None

    @property
    def looks_back_ms(self) -> int:
        return 29 * DAY_MS


class Lifecycle(Analysis[results.LifecycleResult]):
    """Count new, retained, resurrected and dormant people.

    New: never seen before in landed data. Retained: active in the unit before, too. Resurrected:
    not in the unit before, but earlier. Dormant: active in the unit before, not in this one.
    """

    example: ClassVar[str] = "--from 30d --unit week"

    event: AnyStep = None
    _: KW_ONLY
    unit: fields.CalendarUnit = "week"
    week_start: WeekStart = "monday"

    @property
    def looks_back_ms(self) -> int:
        return ALL_MS


class Attribution(Analysis[results.AttributionResult]):
    """Credit an event to the values of a property that people had before, such as utm_source.

    Every event with the property is a touch. Events that follow no touch are under $none.
    https://docs.mixpanel.com/docs/features/custom-properties
    """

    example: ClassVar[str] = "Purchase --by utm_source --from 30d --model linear"

    event: EventStep
    _: KW_ONLY
    by: Annotated[str, Param("Property or expression to credit.", "-b", check=breakdown)]
    model: Annotated[
        Literal["last", "first", "linear", "u", "j", "time-decay", "participation"],
        Param("How credit is shared among touches.", "-m"),
    ] = "last"
    lookback: Annotated[str, Param("How long before the event touches count.", check=duration)] = (
        "30d"
    )
    half_life: Annotated[
        str, Param("Time in which a touch loses half its weight (time-decay).", check=duration)
    ] = "7d"
    sum: Annotated[
        str | None, Param("Credit the sum of this property instead of events.", check=breakdown)
    ] = None
    limit: TopSegments = 200

    @property
    def looks_back_ms(self) -> int:
        return milliseconds(self.lookback)
