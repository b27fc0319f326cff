"""Assets that follow from landed events: the spine, people's days, and declared questions."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg

from mixpanel_assets.defs.automation import on_landing
from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.listener import listener_of, notes_in
from mixpanel_assets.defs.metadata import ROWS, SECONDS, Metadata
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.queries import shown
from mixpanel_assets.defs.resources import WarehouseResource
from mixpanel_assets.questions.analytics import Sessions
from mixpanel_assets.questions.marts import ACTIVE_USERS, Mart
from mixpanel_assets.results import Result
from mixpanel_assets.warehouse import spine
from mixpanel_assets.warehouse.ask.coverage import as_text, landed_rows
from mixpanel_assets.warehouse.marts import answers, people
from mixpanel_assets.warehouse.marts.tables import lost_days, replacing, replacing_all
from mixpanel_assets.warehouse.sql import Connection

SPINE = "spine"
AGREES = "agrees_with_mp_ask"
MARTS_JOB = "marts_job"
NOT_LANDED = "not landed, so there are no rows: "


def make_marts(project: Project) -> list[dg.AssetsDefinition]:
    """The spine, and what follows from it; none unless the project has marts."""
    if project.marts is None:
        return []
    built_in = [_make_people(project, mart) for mart in people.MARTS]
    asked = [_make_answers(project, mart) for mart in (ACTIVE_USERS, *project.marts)]
    return [_make_spine(project), *built_in, *asked]


def mart_names(project: Project) -> list[str]:
    """The names of these assets."""
    if project.marts is None:
        return []
    built_in = [SPINE, *(mart.name for mart in people.MARTS), ACTIVE_USERS.table]
    return [*built_in, *(mart.table for mart in project.marts)]


def make_marts_job(project: Project) -> Any:
    """The job that makes them of landed events."""
    return dg.define_asset_job(
        project.name(MARTS_JOB),
        selection=dg.AssetSelection.assets(*map(project.key, mart_names(project))),
        executor_def=dg.in_process_executor,
        description="Makes days of the marts from landed events, without a request.",
    )


def make_marts_sensor(project: Project) -> dg.AutomationConditionSensorDefinition:
    """The sensor that makes what landed days touch."""
    running, stopped = dg.DefaultSensorStatus.RUNNING, dg.DefaultSensorStatus.STOPPED
    return dg.AutomationConditionSensorDefinition(
        project.name("marts"),
        target=dg.AssetSelection.assets(*map(project.key, mart_names(project))),
        description="Makes exactly the days of the marts that landed days touch.",
        default_status=running if project.automation else stopped,
    )


def _make_spine(project: Project) -> dg.AssetsDefinition:
    spec = project.spec(
        SPINE,
        "Who did what and when, as four numbers an event: what questions and marts read. A day is "
        "made again after it has landed again. mp ask makes the days that it needs itself.",
        {SPINE: spine.SPINE_COLUMNS},
        schema="internal",
        deps=[project.key("events")],
        partitions_def=project.days,
        automation_condition=on_landing(),
    )

    def make(days: Sequence[date], warehouse: WarehouseResource, run: "_Run") -> None:
        zone = str(warehouse.access.settings.zone)
        with warehouse.get_connection(run.note) as connection:
            stale = spine.stale_days(connection, zone, min(days), max(days))
            spine.make(connection, [day for day in stale if day in days], zone)
            counts = "select event_date, count(*) from internal.spine group by all"
            run.rows = dict(connection.execute(counts).fetchall())
            run.landed = {*spine.days(connection, zone)}.intersection(days)

    return _asset(project, spec, make)


def _make_people(project: Project, mart: people.OfPeople) -> dg.AssetsDefinition:
    spec = project.spec(
        mart.name,
        mart.description,
        {mart.name: mart.columns},
        deps=[project.key(SPINE)],
        partitions_def=project.days,
        automation_condition=on_landing(),
    )

    def make(days: Sequence[date], warehouse: WarehouseResource, run: "_Run") -> None:
        zone = str(warehouse.access.settings.zone)
        with warehouse.get_connection(run.note) as connection:
            run.landed = {*people.replace_days(connection, mart, days, zone)}
            run.rows = _counts(connection, mart.name)
        if made := run.landed.intersection(days):
            run.check(_people_difference(mart, max(made), warehouse), max(made))

    return _asset(project, spec, make, checked=True)


def _people_difference(
    mart: people.OfPeople, day: date, warehouse: WarehouseResource
) -> str | None:
    """How the table's day differs from what `mp ask` says."""
    (found,) = warehouse.analyze(Sessions(from_date=day, to_date=day)).rows
    query = "select count(*), count(distinct person), coalesce(sum(events), 0)::bigint"
    expected = [found.sessions, found.people, found.events]
    if mart.name == "user_days":
        query = "select coalesce(sum(sessions), 0)::bigint, count(*) filter (sessions > 0)"
        expected = [found.sessions, found.people]
    with warehouse.get_reader() as connection:
        (mine,) = connection.execute(f"{query} from {mart.name} where day = ?", [day]).fetchall()
    return None if [*mine] == expected else f"the table has {mine}, and mp ask says {expected}"


def _make_answers(project: Project, mart: Mart) -> dg.AssetsDefinition:
    table = answers.mart_table(mart)
    mapping = dg.TimeWindowPartitionMapping(
        start_offset=-mart.days_before,
        end_offset=mart.days_after,
        allow_nonexistent_upstream_partitions=True,
    )
    daily: dict[str, Any] = {"partitions_def": project.days} if mart.is_daily else {}
    spec = project.spec(
        mart.table,
        mart.description,
        {mart.table: table.columns},
        deps=[dg.AssetDep(project.key(SPINE), partition_mapping=mapping if daily else None)],
        automation_condition=on_landing(),
        code_version=mart.fingerprint,
        **daily,
    )

    def make(days: Sequence[date], warehouse: WarehouseResource, run: "_Run") -> None:
        with warehouse.get_connection(run.note) as connection:
            lost, merges = lost_days(connection, table), spine.merges(connection)
            wanted, landed = sorted({*days, *lost}), _landed(connection)
        made = [day for day in landed if day in wanted or not mart.is_daily]
        found = list(answers.ask_days(mart, made, warehouse.analyze)) if made else []
        rows = [row for some, _ in found for row in some]
        today = warehouse.access.settings.today()
        with warehouse.get_connection(run.note) as connection:
            replaced = (
                replacing(connection, table, wanted, merges)
                if mart.is_daily
                else replacing_all(connection, table, today)
            )
            with replaced:
                answers.insert(connection, mart, rows, landed)
            run.rows, run.landed = _counts(connection, mart.table), {*made}
        if found:
            run.answer(found[-1][1])
            newest = max(made)
            run.check(_difference(mart, newest, warehouse, rows), newest)

    return _asset(project, spec, make, checked=True)


def _difference(
    mart: Mart, newest: date, warehouse: WarehouseResource, rows: Sequence[answers.Row]
) -> str | None:
    """How the table's newest day, or all of it, differs from what `mp ask` says."""
    expected = rows
    if mart.is_daily and {row["date"] for row in rows} != {str(newest)}:
        expected = answers.rows_of(mart, warehouse.analyze(mart.over(newest, newest)), newest)
    with warehouse.get_reader() as connection:
        mine = answers.kept(connection, mart, newest if mart.is_daily else None)
    return answers.difference(mine, expected)


def _landed(warehouse: Connection) -> dict[date, bool]:
    """The landed days of events, and whether each was over."""
    found = [row for row in landed_rows(warehouse) if row["dataset"] == "events"]
    return {row["day"]: not row["partial"] for row in found}


def _counts(warehouse: Connection, table: str) -> dict[date, int]:
    query = "select day, rows from landed where dataset = ?"
    return dict(warehouse.execute(query, [table]).fetchall())


class _Run:
    """What a run has made, for its metadata and its check."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note = note
        self.rows: dict[date, int] = {}
        self.landed: set[date] = set()
        self.shown: dict[str, Any] = {}
        self.finding: tuple[str | None, date | None] = None, None

    def answer(self, result: Result) -> None:
        """Show the answer."""
        self.shown = shown(result)

    def check(self, difference: str | None, day: date) -> None:
        """Keep what a comparison with `mp ask` has found."""
        self.finding = difference, day


Make = Callable[[Sequence[date], WarehouseResource, _Run], None]


def _asset(
    project: Project, spec: dg.AssetSpec, make: Make, *, checked: bool = False
) -> dg.AssetsDefinition:
    """The asset whose days `make` makes; all of them, if it has no partitions."""
    name = spec.key.path[-1]
    check = dg.AssetCheckSpec(
        AGREES, asset=spec.key, description="The newest day's rows are what mp ask says of it."
    )
    policy = dg.BackfillPolicy.single_run() if spec.partitions_def else None

    @dg.multi_asset(
        name=project.name(name),
        specs=[spec],
        check_specs=[check] if checked else [],
        backfill_policy=policy,
        pool=project.pool,
        required_resource_keys={project.duckdb},
    )
    def asset(context: dg.AssetExecutionContext) -> Iterator[Any]:
        started, run = time.monotonic(), _Run(listener_of(context.log).note)
        with as_dagster_failures(), notes_in(context.log.info):
            days = sorted(map(date.fromisoformat, context.partition_keys)) if policy else []
            make(days, getattr(context.resources, project.duckdb), run)
            if unlanded := [day for day in days if day not in run.landed]:
                context.log.warning(f"{NOT_LANDED}{as_text(unlanded)}")
        for day in sorted(run.landed.difference(days)) if days else ():
            # Its people were merged since, or it was of another definition.
            of_day = {ROWS: run.rows.get(day, 0)}
            again = dg.AssetMaterialization(spec.key, partition=str(day), metadata=of_day)
            context.log_event(again)
        metadata: Metadata = {SECONDS: dg.MetadataValue.float(round(time.monotonic() - started, 3))}
        for day in days:
            of_day = {ROWS: run.rows.get(day, 0), "landed": day in run.landed}
            newest = run.shown if day == max(run.landed.intersection(days), default=None) else {}
            context.add_asset_metadata({**newest, **of_day}, spec.key, partition_key=str(day))
        if not days:
            total = sum(run.rows.values())
            metadata |= {**run.shown, "dagster/row_count": dg.MetadataValue.int(total)}
        results = [_checked(check, run)] if checked else []
        yield dg.MaterializeResult(asset_key=spec.key, metadata=metadata, check_results=results)

    return asset


def _checked(spec: dg.AssetCheckSpec, run: _Run) -> dg.AssetCheckResult:
    difference, day = run.finding
    compared = f"{day} agrees" if day else "there is nothing to compare"
    return dg.AssetCheckResult(
        check_name=spec.name,
        asset_key=spec.asset_key,
        passed=difference is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=difference or compared,
    )
