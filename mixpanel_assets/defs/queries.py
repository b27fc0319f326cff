"""Live questions as a job: mp query from the launchpad, a schedule or Python."""

from typing import Any

import dagster as dg
from pydantic import Field

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.project import Project
from mixpanel_assets.defs.resources import resources_of
from mixpanel_assets.known import LOCK_WAIT, tell_names
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.notes import notes_to
from mixpanel_assets.questions import live
from mixpanel_assets.questions.base import Question, questions_in
from mixpanel_assets.questions.schema import model_of
from mixpanel_assets.results import Result
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


QUESTIONS = {
    kind.method_name(): (kind, model_of(kind, Kept, defaults=DEFAULTS, hints=HINTS))
    for kind in questions_in(live).values()
}


def make_ask_job(project: Project) -> dg.JobDefinition:
    """The job that asks Mixpanel one question, chosen in its config."""
    description = "Ask Mixpanel a question, as mp query does: one of the hour's 60 queries."

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
        kind, model = QUESTIONS[name]
        kept = model(**given)
        with as_dagster_failures(), notes_to(context.log.warning):
            asked = kept.model_dump(mode="json", exclude=set(Kept.model_fields))
            if issubclass(kind, live.Counted) and not (asked["from_date"] or asked["interval"]):
                asked |= DEFAULTS
            return _answer(context, kind(**asked), kept, project)

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
    question: Question[Result],
    kept: Kept,
    project: Project,
) -> dict[str, Any]:
    """The answer; its rows go to the metadata and, if configured, into a table."""
    mixpanel, warehouse = resources_of(context.resources, project)
    settings = mixpanel.access.settings
    today = settings.today()
    asked: Any = question.dated(today)
    with mixpanel.get_client(context.log.warning) as client:
        tell_names(client, settings, lambda: warehouse.get_reader(LOCK_WAIT))
        result = answer(client, asked)
        requests = client.requests
    columns, rows = result.to_rows()
    sent = {"question": question.method_name(), **asked.to_dict()}
    metadata: dict[str, Any] = {
        "question": dg.MetadataValue.json(sent),
        "dagster/row_count": len(rows),
        "requests": requests,
        "rows": dg.MetadataValue.md(markdown(columns, rows)),
    }
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


def markdown(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """The first rows as a Markdown table, and the number of the others."""
    lines = [markdown_row(columns), f"|{' --- |' * len(columns)}"]
    lines += [markdown_row(map(str, row)) for row in rows[:MOST_SHOWN]]
    more = len(rows) - MOST_SHOWN
    return "\n".join(lines) + (f"\n\n{more:,} more rows" if more > 0 else "")
