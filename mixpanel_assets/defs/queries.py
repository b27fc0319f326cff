"""Questions as a job: mp query and mp ask from the launchpad, a schedule or Python."""

from typing import Any, NamedTuple

import dagster as dg
from pydantic import Field

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import WarehouseResource, resources_of
from mixpanel_assets.known import LOCK_WAIT, tell_names
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.notes import notes_to
from mixpanel_assets.questions import analytics, live
from mixpanel_assets.questions.base import Question, questions_in
from mixpanel_assets.questions.schema import model_of
from mixpanel_assets.results import Basis, Result
from mixpanel_assets.shown import markdown_row
from mixpanel_assets.warehouse.load.kept_answers import keep_answer

ASK_JOB = "ask"
MOST_SHOWN = 50  # rows of the preview
# Dagster's YAML reads a bare on as true.
HINTS = {"on": 'In YAML, write "on" in quotes.'}
DEFAULTS = {"from_date": "30d"}


class Kept(dg.Config):
    """Where to keep the rows of an answer."""

    table: str | None = Field(default=None, description="Save the rows as this table.")
    replace: bool = Field(default=False, description="Replace the table if it exists.")


# The table that a question reads; the one that keeps its rows is called table.
RENAMED = {"table": "events_table"}
OF_EVENTS = "ask_"  # before the names of questions about landed events


class Askable(NamedTuple):
    """A question, and what Dagster asks for it."""

    kind: type[Question[Any]]
    model: type[Kept]

    def question(self, given: Kept) -> Question[Any]:
        """The question of a config."""
        asked = given.model_dump(mode="json", exclude=set(Kept.model_fields))
        if issubclass(self.kind, live.Counted) and not (asked["from_date"] or asked["interval"]):
            asked |= DEFAULTS
        names = {renamed: name for name, renamed in RENAMED.items()}
        return self.kind(**{names.get(name, name): value for name, value in asked.items()})


def _askable(module: Any, prefix: str = "") -> dict[str, Askable]:
    return {
        f"{prefix}{name}": Askable(
            kind, model_of(kind, Kept, defaults=DEFAULTS, hints=HINTS, renamed=RENAMED)
        )
        for name, kind in questions_in(module).items()
    }


QUESTIONS = {**_askable(live), **_askable(analytics, OF_EVENTS)}


def make_ask_job(project: Project) -> dg.JobDefinition:
    """The job that asks one question, chosen in its config."""
    description = (
        "Ask Mixpanel a question, as mp query does: one of the hour's 60 queries. Or with "
        f"{OF_EVENTS}funnel and the like ask landed events, as mp ask does: no request."
    )

    @dg.op(
        name=project.name("question"),
        description=description,
        tags={"dagster/kind/mixpanel": ""},
        config_schema=dg.Field(
            dg.Selector(_forms()),  # type: ignore[no-untyped-call]
            description="The question.",
        ),
        required_resource_keys=project.resources,
        out=dg.Out(dict, description="The answer, as mp prints it."),
    )
    def ask(context: dg.OpExecutionContext) -> Any:
        ((name, given),) = context.op_config.items()
        kept = QUESTIONS[name].model(**given)
        with as_dagster_failures(), notes_to(context.log.warning):
            return _answer(context, name, QUESTIONS[name].question(kept), kept, project)

    @dg.job(
        name=project.name(ASK_JOB),
        description=description,
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        ask.alias("ask")()

    return job


def _forms() -> dict[str, dg.Field]:
    """What Dagster asks for each question."""
    return {
        name: dg.Field(
            model.to_config_schema().as_field().config_type,
            description=kind.summary(),
            is_required=False,
        )
        for name, (kind, model) in QUESTIONS.items()
    }


def _answer(
    context: dg.OpExecutionContext,
    name: str,
    question: Question[Result],
    kept: Kept,
    project: Project,
) -> dict[str, Any]:
    """The answer; its rows go to the metadata and, if configured, into a table."""
    warehouse: WarehouseResource = getattr(context.resources, project.duckdb)
    today = warehouse.access.settings.today()
    asked: Any = question.dated(today)
    if isinstance(asked, analytics.Analysis):
        result, requests = warehouse.analyze(asked), 0
    else:
        result, requests = _ask_mixpanel(context, asked, project)
    columns, rows = result.to_rows()
    sent = {"question": name, **asked.to_dict()}
    metadata = {"question": dg.MetadataValue.json(sent), "requests": requests, **shown(result)}
    if kept.table:
        with warehouse.get_connection(context.log.warning) as connection:
            keep_answer(
                connection,
                kept.table,
                columns,
                rows,
                day=today,
                question=sent,
                replace=kept.replace,
            )
        context.log_event(
            dg.AssetMaterialization(
                project.key(kept.table), description=question.summary(), metadata=metadata
            )
        )
    context.add_output_metadata(metadata)
    return dict(result.to_dict())


def _ask_mixpanel(
    context: dg.OpExecutionContext, asked: live.Live[Result], project: Project
) -> tuple[Result, int]:
    """The answer, and how many requests it took."""
    mixpanel, warehouse = resources_of(context.resources, project)
    with mixpanel.get_client(context.log.warning) as client:
        tell_names(client, mixpanel.access.settings, lambda: warehouse.get_reader(LOCK_WAIT))
        return answer(client, asked), client.requests


def shown(result: Result) -> dict[str, Any]:
    """Metadata: the first rows of an answer, its chart if it has one, and how far it is whole."""
    columns, rows = result.to_rows()
    metadata: dict[str, Any] = {
        "dagster/row_count": len(rows),
        "rows": dg.MetadataValue.md(markdown(columns, rows)),
    }
    if rows and (chart := result.chart()):
        metadata["chart"] = dg.MetadataValue.md(chart.markdown())
    if isinstance(basis := getattr(result, "basis", None), Basis):
        metadata["complete_until"] = dg.MetadataValue.text(str(basis.complete_until or "no day"))
    return metadata


def markdown(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """The first rows as a Markdown table, and the number of the others."""
    lines = [markdown_row(columns), f"|{' --- |' * len(columns)}"]
    lines += [markdown_row(map(str, row)) for row in rows[:MOST_SHOWN]]
    more = len(rows) - MOST_SHOWN
    return "\n".join(lines) + (f"\n\n{more:,} more rows" if more > 0 else "")
