"""Reads the JSON of Mixpanel's discovery answers; missing and odd values are tolerated."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from mixpanel_assets import results

SAMPLES = 5
KINDS = {
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "object",
}


def names(data: Any) -> list[str]:
    """`["battle", "View homepage"]`: https://developer.mixpanel.com/reference/query-months-top-event-names"""
    return list(dict.fromkeys(one for one in _items(data) if isinstance(one, str)))


def property_names(data: Any) -> list[str]:
    """`{"ad version": {"count": 295}}`: https://developer.mixpanel.com/reference/query-events-top-properties"""
    inner = data.get("data") if isinstance(data, dict) and len(data) == 1 else None
    # `data` may also be the name of a property: then it has a count and no properties.
    if isinstance(inner, dict) and inner and all(isinstance(v, dict) for v in inner.values()):
        data = inner
    return list(data) if isinstance(data, dict) else names(data)


def values(data: Any) -> list[str]:
    """`["cat", "dog"]`: https://developer.mixpanel.com/reference/query-events-top-property-values"""
    return [one if isinstance(one, str) else json.dumps(one) for one in _items(data)]


def top_events(data: Any) -> results.Records[results.TopEvent]:
    """`{"events": [{"amount", "event", "percent_change"}]}`: https://developer.mixpanel.com/reference/query-top-events"""

    def top_event(one: Mapping[str, Any]) -> results.TopEvent:
        count, change = _number(one.get("amount")) or 0, _number(one.get("percent_change"))
        return results.TopEvent(_text(one.get("event")), count, change)

    return _records(results.TopEvent, data, "event", top_event)


def funnels(data: Any) -> results.Records[results.FunnelInfo]:
    """`[{"funnel_id", "name"}]`: https://developer.mixpanel.com/reference/funnels-list-saved"""
    return _records(results.FunnelInfo, data, "funnel_id")


def cohorts(data: Any) -> results.Records[results.SavedCohort]:
    """`[{"id", "name", "count", ...}]`: https://developer.mixpanel.com/reference/cohorts-list"""
    return _records(results.SavedCohort, data, "id")


def bookmarks(data: Any) -> results.Records[results.BookmarkInfo]:
    """`{"results": [{"id", "name", "type", "params", ...}]}`; not documented by Mixpanel."""
    return _records(results.BookmarkInfo, data, "id")


def annotations(data: Any) -> results.Records[results.Annotation]:
    """`{"results": [{"id", "date", "description", "user", "tags"}]}`: https://developer.mixpanel.com/reference/list-all-annotations-for-project"""

    def annotation(one: Mapping[str, Any]) -> results.Annotation:
        who = _mapping(one.get("user"))
        person = [_text(who.get(name)) for name in ("first_name", "last_name")]
        tags = [
            _text(tag.get("name")) if isinstance(tag, dict) else _text(tag)
            for tag in _items(one.get("tags"))
        ]
        known = {"user": " ".join(filter(None, person)) or None, "tags": list(filter(None, tags))}
        return _record(results.Annotation, {**one, **known})

    return _records(results.Annotation, data, "date", annotation)


def schemas(data: Any) -> results.Records[results.LexiconSchema]:
    """`{"results": [{"entityType", "name", "schemaJson"}]}`: https://developer.mixpanel.com/reference/list-all-schemas-for-project"""

    def schema(one: Mapping[str, Any]) -> results.LexiconSchema:
        described = definition(one.get("schemaJson"))
        return results.LexiconSchema(
            _text(one.get("entityType")), _text(one.get("name")), described
        )

    return _records(results.LexiconSchema, data, "name", schema)


def definition(data: Any) -> results.LexiconDefinition:
    """`{"description", "properties": {name: {"type", "description"}}, "metadata"}`, or its text."""
    found = _mapping(_parsed(data))
    return results.LexiconDefinition(
        description=_text(found.get("description")) or None,
        properties={
            str(name): _property(_mapping(one))
            for name, one in _mapping(found.get("properties")).items()
        },
        metadata=_metadata(found),
    )


def _property(one: Mapping[str, Any]) -> results.LexiconProperty:
    kind = one.get("type")
    # JSON Schema allows a list of types.
    kind = "|".join(map(str, kind)) if isinstance(kind, list) else _text(kind)
    return results.LexiconProperty(
        kind or None, _text(one.get("description")) or None, _metadata(one)
    )


def _metadata(one: Mapping[str, Any]) -> results.LexiconMetadata:
    found = _mapping(_mapping(one.get("metadata")).get("com.mixpanel"))
    return results.LexiconMetadata(
        source=_text(found.get("$source")) or None,
        display_name=_text(found.get("displayName")) or None,
        tags=names(found.get("tags")),
        hidden=found.get("hidden") is True,
        dropped=found.get("dropped") is True,
        contacts=names(found.get("contacts")),
        team_contacts=names(found.get("teamContacts")),
    )


def subproperties(texts: Iterable[str]) -> results.Records[results.SubPropertyInfo]:
    """The properties inside the values that are objects, by name."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        value = _parsed(text)
        for item in value if isinstance(value, list) else [value]:
            for name, inner in _mapping(item).items():
                found.setdefault(name, []).append(inner)
    rows = (
        results.SubPropertyInfo(n, _kind(inner), _samples(inner))
        for n, inner in sorted(found.items())
    )
    return results.Records(results.SubPropertyInfo, rows)


def _kind(values_: Iterable[Any]) -> str:
    found = {KINDS[type(value)] for value in values_ if value is not None}
    return "mixed" if len(found) > 1 else next(iter(found), "null")


def _samples(values_: Iterable[Any]) -> list[Any]:
    distinct = {json.dumps(value): value for value in values_ if value is not None}
    return list(distinct.values())[:SAMPLES]


def _records(
    kind: type[results.R],
    data: Any,
    needed: str,
    read: Callable[[Mapping[str, Any]], results.R] | None = None,
) -> results.Records[results.R]:
    """A result for each object with a value of `needed`; other items are left out."""
    objects = [one for one in _items(data) if isinstance(one, dict) and one.get(needed) is not None]
    return results.Records(kind, [read(one) if read else _record(kind, one) for one in objects])


def _record(kind: type[results.R], one: Mapping[str, Any]) -> results.R:
    """A result whose fields are the object's values of these names, converted to their types."""
    of: Any = kind  # to mypy, not every subclass of Result is a dataclass
    return kind(**{field.name: READ[field.type](one.get(field.name)) for field in fields(of)})


def _items(data: Any) -> list[Any]:
    """The list, also inside an envelope; empty if it is not a list."""
    for name in ("results", "data", "events"):
        if isinstance(data, dict) and isinstance(data.get(name), list | dict):
            data = data[name]
    return data if isinstance(data, list) else []


def _mapping(data: Any) -> Mapping[str, Any]:
    return data if isinstance(data, dict) else {}


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _number(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _id(value: Any) -> int | None:
    """An integer, also from text or with a `.0`; the annotations' spec says `number`."""
    try:
        return int(value) if float(value) == int(value) and not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _parsed(value: Any) -> Any:
    """The value of JSON text; other values unchanged."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


# How to read a field of a result, by its annotation.
READ: dict[Any, Callable[[Any], Any]] = {
    "str": _text,
    "str | None": lambda value: _text(value) or None,
    "int | None": _id,
    "bool": lambda value: value not in (0, "0"),  # true if it is missing
    "list[str]": list,
    "Any": _parsed,
}
