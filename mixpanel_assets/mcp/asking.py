"""Questions by the names of their commands, from what an agent gives as arguments."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mixpanel_assets.errors import UsageError
from mixpanel_assets.questions import analytics, discovery, live, local
from mixpanel_assets.questions.base import Field, Question, fields_of, questions_in
from mixpanel_assets.questions.schema import model_of

GROUPS = {"ask": (analytics,), "inspect": (local, discovery), "query": (live,)}
OWN_TOOLS = ("inspect overview", "inspect find")
ASKS_MIXPANEL = (live.Live, discovery.Discovery)


@cache
def questions() -> dict[str, type[Question[Any]]]:
    """Every question by its command, such as `ask funnel`."""
    found = {
        f"{group} {kind.command_name()}": kind
        for group, modules in GROUPS.items()
        for module in modules
        for kind in questions_in(module).values()
    }
    return {name: kind for name, kind in found.items() if name not in OWN_TOOLS}


def kind_named(name: str) -> type[Question[Any]]:
    """The question of that name; UsageError with near ones."""
    words = " ".join(name.removeprefix("mp ").replace("_", "-").split())
    every = questions()
    if words in every:
        return every[words]
    alone = [one for one in every if one.partition(" ")[2] == words]
    if alone:  # the first group asks what is landed
        return every[alone[0]]
    near = get_close_matches(words, every, 3, 0.5)
    raise UsageError(
        f"there is no question {name!r}",
        hint=f"did you mean: {', '.join(near)}?" if near else f"one of: {', '.join(every)}",
    )


def question_of(kind: type[Question[Any]], arguments: Mapping[str, Any]) -> Question[Any]:
    """The question with these arguments, named as its fields or as options of its command.

    Raises UsageError that lists all parameters if one is missing, unknown or of a wrong type.
    """
    fields = {one.name: one for one in fields_of(kind)}
    flags = {_plain(flag): one.name for one in fields.values() for flag in one.flags}
    given: dict[str, Any] = {}
    for name, value in arguments.items():
        plain = _plain(str(name))
        field = fields.get(plain) or fields.get(flags.get(plain, ""))
        if field is None:
            near = get_close_matches(plain, [*fields, *flags], 1, 0.5)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"there is no parameter {name}{meant}", hint=parameters(kind))
        if field.item is not None and not isinstance(value, list):
            value = [value]
        given[field.name] = value
    try:
        of: Any = kind  # to mypy, a class of generic dataclasses has no hash
        asked = _model(of)(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(one) for one in first["loc"])
        missing = first["type"] == "missing"
        message = f"{where} is missing" if missing else f"{where}: {first['msg']}"
        raise UsageError(message, hint=parameters(kind)) from None
    values = asked.model_dump(mode="json", include=set(given))
    try:
        return kind(**values)
    except UsageError as error:
        error.hint = error.hint or parameters(kind)
        raise


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


@cache
def _model(kind: Any) -> type[BaseModel]:
    class Given(BaseModel):
        model_config = ConfigDict(coerce_numbers_to_str=True)

    return model_of(kind, Given)


def parameters(kind: type[Question[Any]]) -> str:
    """The parameters of a question, each with its type, default and help, on a line each."""
    return "\n".join(["parameters:", *map(_described, fields_of(kind))])


def _described(field: Field) -> str:
    if field.choices:
        type_ = "|".join(field.choices)
    elif field.item is not None:
        type_ = "list"
    else:
        type_ = "day" if field.is_day else getattr(field.kind, "__name__", "object")
    needed = "required" if field.required else "" if field.default is None else f"={field.default}"
    return f"  {field.name} ({type_}{', ' if needed else ''}{needed}): {field.param.help}"
