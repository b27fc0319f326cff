"""Live questions as jobs: the same as `mp query`, from the launchpad, a schedule or Python."""

from collections.abc import Callable
from datetime import date
from typing import Any

import dagster as dg
from pydantic import Field

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.labels import OWNERS, TAGS
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.known import LOCK_WAIT, tell_names
from mixpanel_assets.mixpanel import live
from mixpanel_assets.notes import heard_by
from mixpanel_assets.results import Result
from mixpanel_assets.settings import parse_day
from mixpanel_assets.shown import markdown_row
from mixpanel_assets.warehouse.answers import keep_answer

MOST_SHOWN = 50  # rows of the preview
DAYS = ("from_date", "to_date")
KEPT = ("table", "replace")

DAY_HELP = "YYYY-MM-DD, today, yesterday or 7d (days ago)."
# To YAML, as Dagster reads it, a bare on is true.
QUOTED = 'In YAML, write "on" with its quotes.'
SPLIT = f"Split by a property, or an expression. {QUOTED}"


class Question(dg.Config):
    """What every question can be told."""

    workspace_id: int | None = Field(default=None, description="A data view; default: all.")
    table: str | None = Field(default=None, description="Keep the rows as this table.")
    replace: bool = Field(default=False, description="The table may be there already.")


class OverDays(Question):
    """A question about a range of days."""

    from_date: str = Field(default="30d", description=f"First day: {DAY_HELP}")
    to_date: str = Field(default="today", description="Last day, included.")


class OfEvents(OverDays):
    """A question about the events that meet a condition."""

    where: str | None = Field(
        default=None, description='An expression, such as properties["plan"] == "pro".'
    )


class Segmentation(OfEvents):
    """As `mp query segmentation`."""

    event: str = Field(description="The event's name.")
    on: str | None = Field(default=None, description=SPLIT)
    unit: str = Field(default="day", description="minute, hour, day, week or month.")
    type: str = Field(default="general", description="general, unique or average.")
    interval: int | None = Field(default=None, description="Days in each bucket.")
    limit: int | None = Field(default=None, description="How many values, those with most first.")


class SegmentationNumber(OfEvents):
    """As `mp query segmentation-sum` and `segmentation-average`."""

    event: str = Field(description="The event's name.")
    on: str = Field(description=f"A numeric property, or an expression. {QUOTED}")
    unit: str = Field(default="day", description="hour or day.")


class SegmentationNumeric(SegmentationNumber):
    """As `mp query segmentation-numeric`."""

    type: str = Field(default="general", description="general, unique or average.")


class EventCounts(OverDays):
    """As `mp query event-counts`."""

    events: list[str] = Field(description="The events' names.")
    unit: str = Field(default="day", description="minute, hour, day, week or month.")
    type: str = Field(default="general", description="general, unique or average.")


class PropertyCounts(OverDays):
    """As `mp query property-counts`."""

    event: str = Field(description="The event's name.")
    property_name: str = Field(description="The property's name.")
    values: list[str] | None = Field(default=None, description="These values only.")
    unit: str = Field(default="day", description="minute, hour, day, week or month.")
    type: str = Field(default="general", description="general, unique or average.")
    limit: int | None = Field(default=None, description="How many values.")


class Funnel(OfEvents):
    """As `mp query funnel`."""

    funnel_id: int = Field(description="The saved funnel's id: see the table funnels.")
    unit: str | None = Field(default=None, description="Also by when they entered.")
    on: str | None = Field(default=None, description=SPLIT)
    length: int | None = Field(default=None, description="How long people have.")
    length_unit: str | None = Field(default=None, description="day, hour, minute or second.")
    interval: int | None = Field(default=None, description="Days in each bucket.")
    limit: int | None = Field(default=None, description="How many values.")


class Retention(OverDays):
    """As `mp query retention`."""

    born_event: str | None = Field(default=None, description="The event they begin with.")
    return_event: str | None = Field(default=None, description="What they come back with.")
    born_where: str | None = Field(default=None, description="About the first event.")
    return_where: str | None = Field(default=None, description="About the second event.")
    unit: str = Field(default="day", description="day, week or month.")
    interval: int = Field(default=1, description="Days in each interval, with unit day.")
    interval_count: int = Field(default=10, description="Intervals after the 0th.")
    retention_type: str = Field(default="birth", description="birth or compounded.")
    unbounded_retention: bool = Field(default=False, description="Coming back later counts too.")
    on: str | None = Field(default=None, description=SPLIT)
    limit: int | None = Field(default=None, description="How many values.")


class Frequency(OfEvents):
    """As `mp query frequency`."""

    event: str | None = Field(default=None, description="The event's name; default: any.")
    unit: str = Field(default="day", description="day, week or month.")
    addiction_unit: str = Field(default="hour", description="hour or day.")
    on: str | None = Field(default=None, description=SPLIT)
    limit: int | None = Field(default=None, description="How many values.")


class ActivityFeed(OverDays):
    """As `mp query activity-feed`."""

    distinct_ids: list[str] = Field(description="Whose events.")
    limit: int | None = Field(default=1000, description="Only the newest events.")


class SavedReport(Question):
    """As `mp query saved-report`; days are for saved retention."""

    bookmark_id: int = Field(description="The report's id: see the table bookmarks.")
    bookmark_type: str = Field(default="insights", description="insights, funnels, retention...")
    from_date: str | None = Field(default=None, description=f"First day: {DAY_HELP}")
    to_date: str | None = Field(default=None, description="Last day, included.")


class Flows(Question):
    """As `mp query flows`."""

    bookmark_id: int = Field(description="The report's id: see the table bookmarks.")


class Jql(Question):
    """As `mp query jql`, which Mixpanel is about to retire."""

    script: str = Field(description="The script.")
    params: dict[str, Any] = Field(default={}, description="For the script's `params`.")


QUESTIONS: dict[str, tuple[type[Question], Callable[..., Result], str]] = {
    "segmentation": (Segmentation, live.segmentation, "An event over time."),
    "segmentation_numeric": (
        SegmentationNumeric, live.segmentation_numeric, "An event by ranges of a number."),
    "segmentation_sum": (SegmentationNumber, live.segmentation_sum, "The sum of a number."),
    "segmentation_average": (
        SegmentationNumber, live.segmentation_average, "The mean of a number."),
    "event_counts": (EventCounts, live.event_counts, "Several events over time."),
    "property_counts": (PropertyCounts, live.property_counts, "A property's values over time."),
    "funnel": (Funnel, live.funnel, "How many reached each step of a saved funnel."),
    "retention": (Retention, live.retention, "Who came back."),
    "frequency": (Frequency, live.frequency, "In how many hours or days people were there."),
    "activity_feed": (ActivityFeed, live.activity_feed, "What people did."),
    "saved_report": (SavedReport, live.saved_report, "A saved report."),
    "flows": (Flows, live.flows, "What people do next, as saved."),
    "jql": (Jql, live.jql, "A script's answer."),
}  # fmt: skip


def _op(name: str, config_type: type[Question], ask: Callable[..., Result], text: str) -> Any:
    @dg.op(
        name=name,
        description=f"{text} One of the hour's 60 queries.",
        tags={"dagster/kind/mixpanel": ""},
        out=dg.Out(dict, description="The answer, as `mp` prints it."),
    )
    def question(
        context: dg.OpExecutionContext,
        config: config_type,  # type: ignore[valid-type]
        mixpanel: MixpanelResource,
        warehouse: WarehouseResource,
    ) -> Any:
        with as_dagster_failures(), heard_by(context.log.warning):
            return _answer(context, config, ask, mixpanel, warehouse)

    return question


def _answer(
    context: dg.OpExecutionContext,
    config: Question,
    ask: Callable[..., Result],
    mixpanel: MixpanelResource,
    warehouse: WarehouseResource,
) -> dict[str, Any]:
    """What Mixpanel says is the op's output, its rows in metadata and, if wished, in a table."""
    settings = mixpanel.access.settings
    today = settings.today()
    options = _options(config, today)
    with mixpanel.get_client(context.log.warning) as client:
        tell_names(client, settings, lambda: warehouse.get_reader(LOCK_WAIT))
        result = ask(client, **options)
        requests = client.requests
    columns, rows = result.to_rows()
    metadata: dict[str, Any] = {
        "dagster/row_count": len(rows),
        "requests": requests,
        "rows": dg.MetadataValue.md(markdown(columns, rows)),
    }
    if config.table:
        with warehouse.get_connection(context.log.warning) as connection:
            keep_answer(
                connection,
                config.table,
                columns,
                rows,
                day=today,
                question={"question": context.op_def.name, **options},
                replace=config.replace,
            )
        metadata["dagster/table_name"] = config.table
    context.add_output_metadata(metadata)
    return result.to_dict()


def _options(config: Question, today: date) -> dict[str, Any]:
    """The question's arguments, its days as days."""
    given = {name: value for name, value in config.model_dump().items() if name not in KEPT}
    for name in DAYS:
        if given.get(name):
            given[name] = parse_day(given[name], today)
    return given


def markdown(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """The first rows as a Markdown table, and how many more there are."""
    lines = [markdown_row(columns), f"|{' --- |' * len(columns)}"]
    lines += [markdown_row(map(str, row)) for row in rows[:MOST_SHOWN]]
    more = len(rows) - MOST_SHOWN
    return "\n".join(lines) + (f"\n\n{more:,} more rows" if more > 0 else "")


def _job(name: str) -> dg.JobDefinition:
    config_type, ask, text = QUESTIONS[name]
    op = _op(name, config_type, ask, text)

    @dg.job(
        name=f"query_{name}",
        description=f"{text} One of the hour's 60 queries.",
        executor_def=dg.in_process_executor,
        tags={**TAGS, "mixpanel/kind": "live"},
        owners=OWNERS,
    )
    def job() -> None:
        op()

    return job


QUERY_JOBS = tuple(_job(name) for name in QUESTIONS)
