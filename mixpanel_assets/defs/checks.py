"""Asset checks of events: five in the run that lands them, and one that queries Mixpanel."""

from collections.abc import Callable, Iterator
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
from mixpanel_assets.warehouse.ask import checks
from mixpanel_assets.warehouse.ask.checks import Finding

EVENTS = dg.AssetKey("events")

# By the name of the function in `warehouse.ask.checks`.
DESCRIPTIONS = {
    "rows_as_landed": "The table has as many rows of each day as recorded in `landed`.",
    "no_duplicates": "No two rows have the same event, distinct_id, time and $insert_id.",
    "no_hole": "No complete day without events lies between days with events.",
    "times_in_day": "Every event's time is within its day, in the project's time zone. If not, set "
    "MP_PROJECT_TIMEZONE; an old project that changed its zone has a few at the edges.",
    "schema_steady": "The newest complete day has no new, missing or differently typed properties.",
}
BLOCKING = ("rows_as_landed", "no_duplicates")  # fail the run


def _spec(name: str, description: str) -> dg.AssetCheckSpec:
    blocking = name in BLOCKING
    return dg.AssetCheckSpec(name, asset=EVENTS, description=description, blocking=blocking)


CHECKS = [_spec(name, description) for name, description in DESCRIPTIONS.items()]


def check_days(
    warehouse: duckdb.DuckDBPyConnection, start: date, end: date, settings: Settings
) -> Iterator[dg.AssetCheckResult]:
    """The result of each check for the days from start to end."""
    takes = {
        "times_in_day": (start, end, settings.project_timezone or "UTC"),
        "schema_steady": (end,),
    }
    for spec in CHECKS:
        check = getattr(checks, spec.name)
        yield _result(check(warehouse, *takes.get(spec.name, (start, end))), spec)


def _result(finding: Finding, spec: dg.AssetCheckSpec) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=EVENTS,
        passed=finding.ok,
        severity=dg.AssetCheckSeverity.ERROR if spec.blocking else dg.AssetCheckSeverity.WARN,
        description=finding.detail,
        metadata=dict(finding.numbers),
    )


class Counts(dg.Config):
    """The day and events to compare with Mixpanel's report, and the tolerance."""

    day: str | None = Field(default=None, description="Day; default: the newest complete one.")
    events: int = Field(default=20, description="Number of events, the most frequent.", ge=1)
    tolerance: float = Field(default=0.01, description="Allowed difference (0.01 is 1 %).", ge=0)


COUNTS = _spec(
    "counts_as_reported",
    "The landed count of each event equals that of Mixpanel's own report. Takes one query, and "
    "runs only in counts_job.",
)


@dg.multi_asset_check(name="counts_as_reported", specs=[COUNTS], can_subset=True)
def counts_as_reported(
    context: dg.AssetCheckExecutionContext,
    config: Counts,
    mixpanel: MixpanelResource,
    warehouse: WarehouseResource,
) -> Iterator[dg.AssetCheckResult]:
    """Compare counts, but not in a run that lands events: Dagster adds every check to those."""
    if EVENTS in (context.run.asset_selection or ()):
        return
    with as_dagster_failures():
        finding = _compared(config, mixpanel, warehouse, context.log.warning)
    yield _result(finding, COUNTS)


def _compared(
    config: Counts,
    mixpanel: MixpanelResource,
    warehouse: WarehouseResource,
    note: Callable[[str], None],
) -> Finding:
    today = mixpanel.access.settings.today()
    with warehouse.get_reader() as connection:
        newest = checks.newest_whole_day(connection)
        day = parse_day(config.day, today) if config.day else newest
        landed = checks.busiest_events(connection, day, config.events) if day else {}
    if not (day and landed):
        return Finding(True, "there is nothing to compare")
    try:
        with mixpanel.get_client(note, wait=False) as client:
            report = answer(client, EventCounts(list(landed), from_date=day, to_date=day))
    except MixpanelDataError as error:
        return Finding(False, f"the request to Mixpanel failed: {error.message}")
    reported = {
        name: sum(int(n) for n in counts.values()) for name, counts in report.series.items()
    }
    return checks.as_reported(day, landed, reported, config.tolerance)
