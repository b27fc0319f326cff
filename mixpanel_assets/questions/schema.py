"""Questions as Pydantic models, for Dagster's launchpad, and as JSON schema, for agents."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar, cast, get_origin

from pydantic import BaseModel, Field, create_model

from mixpanel_assets.questions import base

M = TypeVar("M", bound=BaseModel)


def model_of(
    question: type[base.Question[Any]],
    parent: type[M],
    *,
    defaults: Mapping[str, Any] | None = None,
    hints: Mapping[str, str] | None = None,
    renamed: Mapping[str, str] | None = None,
) -> type[M]:
    """A model with the fields of `parent` and of the question, with choices as enums.

    `defaults` are for required fields; `hints` are appended to the help of fields; `renamed` are
    called otherwise in the model.
    """
    fields: dict[str, Any] = {}
    for field in base.fields_of(question):
        default = (defaults or {}).get(field.name, ...) if field.required else field.default
        text = " ".join(filter(None, (field.param.help, (hints or {}).get(field.name))))
        bounds: Any = {} if field.item else {"ge": field.param.least, "le": field.param.most}
        kind = _type(field)
        if field.choices and default not in (..., None):
            default = kind(default)
        annotation = kind | None if field.optional else kind
        name = (renamed or {}).get(field.name, field.name)
        fields[name] = (annotation, Field(default=default, description=text, **bounds))
    return create_model(question.__name__, __base__=parent, __doc__=question.summary(), **fields)


def _type(field: base.Field) -> Any:
    kind: Any = field.kind
    if field.choices:
        members: Any = {one: one for one in field.choices}
        kind = cast(Any, Enum)(field.name.title().replace("_", ""), members, type=str)
    elif field.is_day:
        kind = str
    elif field.item is not None:
        kind = list[field.item]  # type: ignore[name-defined]
    elif get_origin(kind) is Mapping:
        kind = dict[str, Any]
    return kind


def json_schema(kind: type[base.Question[Any]]) -> dict[str, Any]:
    """The JSON schema of the question's fields."""
    return model_of(kind, BaseModel).model_json_schema()
