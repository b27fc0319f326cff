"""Asset checks of events: five in the run that lands them, and one that queries Mixpanel."""

from collections.abc import Callable, Iterator
from datetime import date

import dagster as dg
import duckdb
from pydantic import Field

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource, resources_of
from mixpanel_assets.defs.upstream import endpoint
from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.questions.live import EventCounts
from mixpanel_assets.settings import Settings, parse_day
from mixpanel_assets.warehouse.ask import checks
from mixpanel_assets.warehouse.ask.checks import Finding

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


def check_specs(events: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of the run that lands events."""
    return [_spec(events, name, description) for name, description in DESCRIPTIONS.items()]


def _spec(asset: dg.AssetKey, name: str, description: str) -> dg.AssetCheckSpec:
    blocking = name in BLOCKING
    return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=blocking)


def check_days(
    events: dg.AssetKey,
    warehouse: duckdb.DuckDBPyConnection,
    start: date,
    end: date,
    settings: Settings,
) -> Iterator[dg.AssetCheckResult]:
    """The result of each check for the days from start to end."""
    takes = {
        "times_in_day": (start, end, settings.project_timezone or "UTC"),
        "schema_steady": (end,),
    }
    for spec in check_specs(events):
        check = getattr(checks, spec.name)
        yield _result(check(warehouse, *takes.get(spec.name, (start, end))), spec)


def _result(finding: Finding, spec: dg.AssetCheckSpec) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
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


def make_counts_check(project: Project) -> dg.AssetChecksDefinition:
    """The check that asks Mixpanel.

    It is one of the export, not of events: Dagster adds every check of an asset to each run of it.
    """
    spec = _spec(
        endpoint(project, "export"),
        "counts_as_reported",
        "The landed count of each event equals that of Mixpanel's own report. Takes one query.",
    )

    @dg.multi_asset_check(
        name=project.name("counts"), specs=[spec], required_resource_keys=project.resources
    )
    def counts(
        context: dg.AssetCheckExecutionContext, config: Counts
    ) -> Iterator[dg.AssetCheckResult]:
        with as_dagster_failures():
            mixpanel, warehouse = resources_of(context.resources, project)
            finding = _compared(config, mixpanel, warehouse, context.log.warning)
        yield _result(finding, spec)

    return counts


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
