"""What answers about a project mean: parsed JSON to records, whatever is missing or odd in it."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mixpanel_assets.results.catalog import (
    Annotation,
    BookmarkInfo,
    FunnelInfo,
    LexiconDefinition,
    LexiconMetadata,
    LexiconProperty,
    LexiconSchema,
    R,
    Records,
    SavedCohort,
    SubPropertyInfo,
    TopEvent,
)

SAMPLES = 5
ENVELOPES = ("results", "data", "events")


def names(data: Any) -> list[str]:
    """`["battle", "View homepage"]`: https://developer.mixpanel.com/reference/query-months-top-event-names"""
    return list(dict.fromkeys(one for one in _items(data) if isinstance(one, str)))


def property_names(data: Any) -> list[str]:
    """`{"ad version": {"count": 295}}`: https://developer.mixpanel.com/reference/query-events-top-properties"""
    inner = data.get("data") if isinstance(data, dict) and len(data) == 1 else None
    # A property may be named `data`: then it has a count, and no properties.
    if isinstance(inner, dict) and inner and all(isinstance(v, dict) for v in inner.values()):
        data = inner
    return list(data) if isinstance(data, dict) else names(data)


def values(data: Any) -> list[str]:
    """`["cat", "dog"]`: https://developer.mixpanel.com/reference/query-events-top-property-values"""
    return [one if isinstance(one, str) else json.dumps(one) for one in _items(data)]


def top_events(data: Any) -> Records[TopEvent]:
    """`{"events": [{"amount", "event", "percent_change"}]}`: https://developer.mixpanel.com/reference/query-top-events"""
    return _records(
        TopEvent,
        data,
        lambda one: TopEvent(
            _text(one.get("event")),
            _number(one.get("amount")) or 0,
            _number(one.get("percent_change")),
        ),
        "event",
    )


def funnels(data: Any) -> Records[FunnelInfo]:
    """`[{"funnel_id", "name"}]`: https://developer.mixpanel.com/reference/funnels-list-saved"""
    return _records(
        FunnelInfo,
        data,
        lambda one: FunnelInfo(_id(one.get("funnel_id")), _text(one.get("name"))),
        "funnel_id",
    )


def cohorts(data: Any) -> Records[SavedCohort]:
    """`[{"id", "name", "count", ...}]`: https://developer.mixpanel.com/reference/cohorts-list"""
    return _records(
        SavedCohort,
        data,
        lambda one: SavedCohort(
            id=_id(one.get("id")),
            name=_text(one.get("name")),
            count=_id(one.get("count")),
            description=_text(one.get("description")),
            created=_text(one.get("created")) or None,
            is_visible=one.get("is_visible", 1) not in (0, False, "0"),
        ),
        "id",
    )


def bookmarks(data: Any) -> Records[BookmarkInfo]:
    """`{"results": [{"id", "name", "type", "params", ...}]}`; Mixpanel has no page on it."""

    def bookmark(one: Mapping[str, Any]) -> BookmarkInfo:
        return BookmarkInfo(
            id=_id(one.get("id")),
            name=_text(one.get("name")),
            type=_text(one.get("type")),
            project_id=_id(one.get("project_id")),
            workspace_id=_id(one.get("workspace_id")),
            dashboard_id=_id(one.get("dashboard_id")),
            description=_text(one.get("description")),
            created=_text(one.get("created")) or None,
            modified=_text(one.get("modified")) or None,
            creator_id=_id(one.get("creator_id")),
            creator_name=_text(one.get("creator_name")) or None,
            creator_email=_text(one.get("creator_email")) or None,
            params=_parsed(one.get("params")),
        )

    return _records(BookmarkInfo, data, bookmark, "id")


def annotations(data: Any) -> Records[Annotation]:
    """`{"results": [{"id", "date", "description", "user", "tags"}]}`: https://developer.mixpanel.com/reference/list-all-annotations-for-project"""

    def annotation(one: Mapping[str, Any]) -> Annotation:
        who = _mapping(one.get("user"))
        person = [_text(who.get(name)) for name in ("first_name", "last_name")]
        tags = [
            _text(tag.get("name")) if isinstance(tag, dict) else _text(tag)
            for tag in _items(one.get("tags"))
        ]
        return Annotation(
            id=_id(one.get("id")),
            date=_text(one.get("date")),
            description=_text(one.get("description")),
            user=" ".join(filter(None, person)) or None,
            tags=[tag for tag in tags if tag],
        )

    return _records(Annotation, data, annotation, "date")


def schemas(data: Any) -> Records[LexiconSchema]:
    """`{"results": [{"entityType", "name", "schemaJson"}]}`: https://developer.mixpanel.com/reference/list-all-schemas-for-project"""
    return _records(
        LexiconSchema,
        data,
        lambda one: LexiconSchema(
            _text(one.get("entityType")), _text(one.get("name")), definition(one.get("schemaJson"))
        ),
        "name",
    )


def definition(data: Any) -> LexiconDefinition:
    """`{"description", "properties": {name: {"type", "description"}}, "metadata"}`, as text too."""
    found = _mapping(_parsed(data))
    return LexiconDefinition(
        description=_text(found.get("description")) or None,
        properties={
            str(name): _property(_mapping(one))
            for name, one in _mapping(found.get("properties")).items()
        },
        metadata=_metadata(found),
    )


def _property(one: Mapping[str, Any]) -> LexiconProperty:
    kind = one.get("type")
    # JSON Schema allows a list of types.
    kind = "|".join(map(str, kind)) if isinstance(kind, list) else _text(kind)
    return LexiconProperty(kind or None, _text(one.get("description")) or None, _metadata(one))


def _metadata(one: Mapping[str, Any]) -> LexiconMetadata:
    found = _mapping(_mapping(one.get("metadata")).get("com.mixpanel"))
    return LexiconMetadata(
        source=_text(found.get("$source")) or None,
        display_name=_text(found.get("displayName")) or None,
        tags=names(found.get("tags")),
        hidden=found.get("hidden") is True,
        dropped=found.get("dropped") is True,
        contacts=names(found.get("contacts")),
        team_contacts=names(found.get("teamContacts")),
    )


def subproperties(texts: Iterable[str]) -> Records[SubPropertyInfo]:
    """What the objects among the values have inside, by name."""
    found: dict[str, list[Any]] = {}
    for text in texts:
        value = _parsed(text)
        for item in value if isinstance(value, list) else [value]:
            for name, inner in _mapping(item).items():
                found.setdefault(name, []).append(inner)
    return Records(
        SubPropertyInfo,
        (
            SubPropertyInfo(name, _kind(inner), _samples(inner))
            for name, inner in sorted(found.items())
        ),
    )


def _kind(values_: Iterable[Any]) -> str:
    kinds = {
        bool: "boolean",
        int: "number",
        float: "number",
        str: "string",
        list: "list",
        dict: "object",
    }
    found = {kinds[type(value)] for value in values_ if value is not None}
    return "mixed" if len(found) > 1 else next(iter(found), "null")


def _samples(values_: Iterable[Any]) -> list[Any]:
    distinct = {json.dumps(value): value for value in values_ if value is not None}
    return list(distinct.values())[:SAMPLES]


def _records(
    kind: type[R], data: Any, record: Callable[[Mapping[str, Any]], R], needed: str
) -> Records[R]:
    """A record of each object that has what is `needed`; anything else there is no record of."""
    return Records(
        kind,
        (
            record(one)
            for one in _items(data)
            if isinstance(one, dict) and one.get(needed) is not None
        ),
    )


def _items(data: Any) -> list[Any]:
    """The list, in an envelope or without; none if it is no list."""
    for name in ENVELOPES:
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
    """A whole number, also one in text or with a `.0`; the annotations' spec says `number`."""
    try:
        return int(value) if float(value) == int(value) and not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _parsed(value: Any) -> Any:
    """JSON in text as what it says."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
