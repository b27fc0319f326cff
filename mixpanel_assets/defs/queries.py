"""Live questions as jobs: `mp query` from the launchpad, a schedule or Python."""

from typing import Any

import dagster as dg
from pydantic import Field

from mixpanel_assets.defs.failures import as_dagster_failures
from mixpanel_assets.defs.labels import OWNERS, TAGS
from mixpanel_assets.defs.resources import MixpanelResource, WarehouseResource
from mixpanel_assets.known import LOCK_WAIT, tell_names
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.notes import notes_to
from mixpanel_assets.questions import live
from mixpanel_assets.questions.base import Question, questions_in
from mixpanel_assets.questions.schema import model_of
from mixpanel_assets.results import Result
from mixpanel_assets.shown import markdown_row
from mixpanel_assets.warehouse.load.kept_answers import keep_answer

MOST_SHOWN = 50  # rows of the preview
# Dagster's YAML reads a bare on as true.
HINTS = {"on": 'In YAML, write "on" in quotes.'}
DEFAULTS = {"from_date": "30d"}


class Kept(dg.Config):
    """Where to keep the rows of an answer."""

    table: str | None = Field(default=None, description="Save the rows as this table.")
    replace: bool = Field(default=False, description="Replace the table if it exists.")


QUESTIONS = questions_in(live)


def _job(kind: type[Question[Result]]) -> dg.JobDefinition:
    description = f"{kind.summary()} One of the hour's 60 queries."
    config_type = model_of(kind, Kept, defaults=DEFAULTS, hints=HINTS)

    @dg.op(
        name=kind.method_name(),
        description=description,
        tags={"dagster/kind/mixpanel": ""},
        out=dg.Out(dict, description="The answer, as `mp` prints it."),
    )
    def question(
        context: dg.OpExecutionContext,
        config: config_type,  # type: ignore[valid-type]
        mixpanel: MixpanelResource,
        warehouse: WarehouseResource,
    ) -> Any:
        with as_dagster_failures(), notes_to(context.log.warning):
            given = config.model_dump(mode="json", exclude=set(Kept.model_fields))  # type: ignore[attr-defined]
            if issubclass(kind, live.Counted) and not (given["from_date"] or given["interval"]):
                given |= DEFAULTS
            return _answer(context, kind(**given), config, mixpanel, warehouse)

    @dg.job(
        name=f"query_{kind.method_name()}",
        description=description,
        executor_def=dg.in_process_executor,
        tags={**TAGS, "mixpanel/kind": "live"},
        owners=OWNERS,
    )
    def job() -> None:
        question()

    return job


def _answer(
    context: dg.OpExecutionContext,
    question: Question[Result],
    kept: Kept,
    mixpanel: MixpanelResource,
    warehouse: WarehouseResource,
) -> dict[str, Any]:
    """The answer; its rows go to the metadata and, if configured, into a table."""
    settings = mixpanel.access.settings
    today = settings.today()
    asked: Any = question.dated(today)
    with mixpanel.get_client(context.log.warning) as client:
        tell_names(client, settings, lambda: warehouse.get_reader(LOCK_WAIT))
        result = answer(client, asked)
        requests = client.requests
    columns, rows = result.to_rows()
    metadata: dict[str, Any] = {
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
                question={"question": question.method_name(), **asked.to_dict()},
                replace=kept.replace,
            )
        metadata["dagster/table_name"] = kept.table
    context.add_output_metadata(metadata)
    return dict(result.to_dict())


def markdown(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """The first rows as a Markdown table, and the number of the others."""
    lines = [markdown_row(columns), f"|{' --- |' * len(columns)}"]
    lines += [markdown_row(map(str, row)) for row in rows[:MOST_SHOWN]]
    more = len(rows) - MOST_SHOWN
    return "\n".join(lines) + (f"\n\n{more:,} more rows" if more > 0 else "")


QUERY_JOBS = tuple(map(_job, QUESTIONS.values()))
