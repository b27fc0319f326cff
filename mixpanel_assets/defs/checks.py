"""The checks of events: five in the run that lands them, and one that asks Mixpanel."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg
import duckdb
from pydantic import Field

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.questions.live import EventCounts
from mixpanel_assets.settings import Settings, parse_day
from mixpanel_assets.warehouse import quality
from mixpanel_assets.warehouse.quality import Finding

EVENTS = dg.AssetKey("events")

Ask = Callable[[duckdb.DuckDBPyConnection, date, date, str], Finding]


@dataclass(frozen=True)
class Check:
    """A question about the days of a run; a blocking one fails the run."""

    name: str
    description: str
    ask: Ask
    blocking: bool = False

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """As the events asset declares it."""
        return dg.AssetCheckSpec(
            self.name, asset=EVENTS, description=self.description, blocking=self.blocking
        )


CHECKS = (
    Check(
        "rows_as_landed",
        "The table has as many rows of each day as `landed` says.",
        lambda warehouse, start, end, zone: quality.rows_as_landed(warehouse, start, end),
        blocking=True,
    ),
    Check(
        "no_duplicates",
        "No two rows are one event to Mixpanel: event, distinct_id, time and $insert_id.",
        lambda warehouse, start, end, zone: quality.no_duplicates(warehouse, start, end),
        blocking=True,
    ),
    Check(
        "no_hole",
        "No whole day is empty between days that are not.",
        lambda warehouse, start, end, zone: quality.no_hole(warehouse, start, end),
    ),
    Check(
        "times_in_day",
        "Every event's time is within its day, in the project's time zone. If not, set "
        "MP_PROJECT_TIMEZONE; a legacy project that changed its zone has a few at its edges.",
        quality.times_in_day,
    ),
    Check(
        "schema_steady",
        "The newest whole day has no new, vanished or differently typed properties.",
        lambda warehouse, start, end, zone: quality.schema_steady(warehouse, end),
    ),
)


def check_days(
    warehouse: duckdb.DuckDBPyConnection, start: date, end: date, settings: Settings
) -> Iterator[dg.AssetCheckResult]:
    """What each check says of the days from start to end."""
    zone = settings.project_timezone or "UTC"
    for check in CHECKS:
        finding = check.ask(warehouse, start, end, zone)
        yield _result(finding, check.name, blocking=check.blocking)


def _result(
    finding: Finding, name: str | None = None, *, blocking: bool = False
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=EVENTS if name else None,
        passed=finding.ok,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description=finding.detail,
        metadata=dict(finding.numbers),
    )


class Counts(dg.Config):
    """Which day is held against Mixpanel's report, and how exactly."""

    day: str | None = Field(default=None, description="A day; default: the newest whole one.")
    events: int = Field(default=20, description="How many events, those with most.", ge=1)
    tolerance: float = Field(default=0.01, description="Share that may differ.", ge=0)


COUNTS = dg.AssetCheckSpec(
    "counts_as_reported",
    asset=EVENTS,
    description="As many of each event are landed as Mixpanel's own report counts. It takes one "
    "query, and is done when it is asked for: counts_job.",
)


@dg.multi_asset_check(name="counts_as_reported", specs=[COUNTS], can_subset=True)
def counts_as_reported(
    context: dg.AssetCheckExecutionContext,
    config: Counts,
    mixpanel: MixpanelResource,
    warehouse: WarehouseResource,
) -> Iterator[dg.AssetCheckResult]:
    """Nothing is asked in a run that lands events, to which Dagster adds every check of theirs."""
    if EVENTS in (context.run.asset_selection or ()):
        return
    with as_dagster_failures():
        finding = _compared(config, mixpanel, warehouse, context.log.warning)
    yield _result(finding, COUNTS.name)


def _compared(
    config: Counts,
    mixpanel: MixpanelResource,
    warehouse: WarehouseResource,
    note: Callable[[str], None],
) -> Finding:
    today = mixpanel.access.settings.today()
    with warehouse.get_reader() as connection:
        newest = quality.newest_whole_day(connection)
        day = parse_day(config.day, today) if config.day else newest
        landed = quality.busiest_events(connection, day, config.events) if day else {}
    if not (day and landed):
        return Finding(True, "there is nothing to compare")
    try:
        with mixpanel.get_client(note, wait=False) as client:
            report = answer(client, EventCounts(list(landed), from_date=day, to_date=day))
    except MixpanelDataError as error:
        return Finding(False, f"Mixpanel could not be asked: {error.message}")
    reported = {
        name: sum(int(n) for n in counts.values()) for name, counts in report.series.items()
    }
    return quality.as_reported(day, landed, reported, config.tolerance)
