"""Commands derived from questions, when their group is called."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from importlib import import_module
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from mixpanel_assets.cli import options, output
from mixpanel_assets.errors import UsageError

if TYPE_CHECKING:
    from mixpanel_assets.questions.base import Field, Question

RefreshOption = Annotated[
    bool, typer.Option("--refresh", help="Ask Mixpanel again; ignore the cached answer.")
]
CompareOption = Annotated[
    bool, typer.Option("--compare", help="Also ask Mixpanel, and show what differs (a request).")
]
CompareSavedOption = Annotated[
    int | None,
    typer.Option(
        "--compare", metavar="ID", help="Also ask Mixpanel for this saved funnel (a request)."
    ),
]
LIVE = {"no_wait": (options.NoWaitOption, False)}
CACHED = {"refresh": (RefreshOption, False), **LIVE}


class QuestionGroup(TyperGroup):
    """A group of its own commands and those derived from the questions in `modules`."""

    modules: dict[str, dict[str, tuple[Any, Any]]]  # with the options added to their commands

    @property
    def commands(self) -> MutableMapping[str, Any]:
        """Every command by name."""
        if self._derived is None:
            self._derived = self._derive()
        return {**self._derived, **self._own}

    @commands.setter
    def commands(self, own: MutableMapping[str, Any]) -> None:
        self._own, self._derived = own, None

    _own: MutableMapping[str, Any]
    _derived: dict[str, Any] | None

    def _derive(self) -> dict[str, Any]:
        from mixpanel_assets.questions.base import questions_in
        from mixpanel_assets.results import Result

        program = typer.Typer(add_completion=False, rich_markup_mode=None)
        for name, added in self.modules.items():
            for kind in questions_in(import_module(f"mixpanel_assets.questions.{name}")).values():
                if kind.command_name() in self._own:
                    continue
                path = f"mp {self.name} {kind.command_name()}"
                charted = getattr(kind.answer_type(), "chart", Result.chart) is not Result.chart
                example = f"{path} {kind.example}".strip()
                about = options.output_help(charted=charted, saved=True)
                text = f"{kind.summary()}\n\n{example}\n\n{about}"
                command = _command(kind, {**added, **_compared(kind)})
                command = options.answering(command, charted=charted, saved=True)
                program.command(kind.command_name(), help=text)(command)
        group: Any = typer.main.get_command(program)
        return dict(group.commands)


class QueryGroup(QuestionGroup):
    """`mp query`."""

    modules = {"live": LIVE}  # noqa: RUF012


class AskGroup(QuestionGroup):
    """`mp ask`."""

    modules = {"analytics": {}}  # noqa: RUF012


class InspectGroup(QuestionGroup):
    """`mp inspect`."""

    modules = {"local": {}, "discovery": CACHED}  # noqa: RUF012


def _compared(kind: type[Question[Any]]) -> dict[str, tuple[Any, Any]]:
    """The option that compares the answer with Mixpanel's, if that has the question."""
    from mixpanel_assets.questions.counterparts import is_comparable, needs_saved

    if not is_comparable(kind):
        return {}
    return {"compare": (CompareSavedOption, None) if needs_saved(kind) else (CompareOption, False)}


def _command(kind: type[Question[Any]], shared: dict[str, tuple[Any, Any]]) -> Callable[..., None]:
    from mixpanel_assets.questions.base import fields_of

    fields = fields_of(kind)

    def run(
        context: typer.Context,
        *,
        form: output.Form,
        no_wait: bool = False,
        refresh: bool = False,
        compare: int | bool | None = None,
        **given: Any,
    ) -> None:
        try:
            question = kind(**{one.name: _value(one, given[one.name], context) for one in fields})
        except UsageError as error:
            error.hint = error.hint or f"see: {context.command_path} --help"
            raise
        with context.obj.workspace(wait=not no_wait) as workspace:
            if compare:
                answer = workspace.ask.compare(question, None if compare is True else compare)
            else:
                answer = workspace.ask(question, refresh=refresh)
        write(question, answer, form)

    run.__signature__ = Signature(list(_parameters(fields, shared)))  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in _parameters(fields, shared)}
    return run


def write(question: Question[Any], answer: Any, form: output.Form) -> None:
    """Write the answer to stdout; in jsonl, an answer of Mixpanel's or like it has a line a row."""
    from mixpanel_assets.questions.analytics import Analysis
    from mixpanel_assets.questions.live import Live
    from mixpanel_assets.results import Records

    chosen = form.given or form.program or os.environ.get("MP_FORMAT")
    if question.as_text and (not chosen or form.format in output.LAYOUTS):
        output.write(answer.text)
        return
    answer = output.pictured(answer, form)
    if form.saved:
        output.answer(form.saved.save(*_rows(answer, question.heading)), form)
        return
    rows = isinstance(question, Live | Analysis) and form.format is output.Format.jsonl
    if rows or (isinstance(answer, Records) and not form.structured):
        columns, lines = answer.to_rows()
        output.answer_rows(columns, lines, form)
    else:
        output.answer(answer, form, column=question.heading)


def _rows(answer: Any, heading: str | None) -> tuple[Sequence[str], Sequence[Sequence[Any]]]:
    """The answer's columns and rows; names alone are one column."""
    from mixpanel_assets.results import Result

    if isinstance(answer, Result):
        return answer.to_rows()
    column = heading or "value"
    rows = [one.to_dict() if isinstance(one, Result) else {column: one} for one in answer]
    names = list(dict.fromkeys(name for row in rows for name in row)) or [column]
    return names, [[row.get(name) for name in names] for row in rows]


def _parameters(
    fields: tuple[Field, ...], shared: dict[str, tuple[Any, Any]]
) -> Iterator[Parameter]:
    keyword = Parameter.KEYWORD_ONLY
    yield Parameter("context", keyword, annotation=typer.Context)
    yield Parameter("form", keyword, annotation=output.Form)
    for field in fields:
        default = Parameter.empty if field.required else field.default
        if isinstance(default, tuple):
            default = ",".join(map(str, default))
        yield Parameter(field.name, keyword, default=default, annotation=_annotation(field))
    for name, (annotation, default) in shared.items():
        yield Parameter(name, keyword, default=default, annotation=annotation)


def _annotation(field: Field) -> Any:
    kind, metavar = field.kind, None
    if field.is_day:
        kind = str
    elif field.item is not None:
        kind, metavar = (list[str], "A,B") if field.item is str else (str, "N,M")
        metavar = None if field.param.whole else metavar
    if field.optional:
        kind = kind | None
    if field.param.argument:
        return Annotated[kind, typer.Argument(help=field.param.help)]
    return Annotated[kind, typer.Option(*field.flags, metavar=metavar, help=field.param.help)]


def _value(field: Field, given: Any, context: typer.Context) -> Any:
    """The option's value as the question takes it."""
    if field.item is str:
        return (given or None) if field.param.whole else options.names_in(given)
    if field.item is not None:
        return options.numbers_in(given, field.flags[0], whole=field.item is int)
    return options.rows_wanted(context, given) if field.param.zero_is_all else given
