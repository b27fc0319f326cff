"""The catalog as plain rows, one list for each table of the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mixpanel_assets.errors import PlanRequiredError
from mixpanel_assets.mixpanel.catalog import questions
from mixpanel_assets.mixpanel.catalog.questions import Asker
from mixpanel_assets.questions import discovery
from mixpanel_assets.results.catalog import Annotation, LexiconSchema, Skipped

Row = dict[str, Any]
Part = list[Row] | Skipped


def export_catalog(mixpanel: Asker) -> dict[str, Part]:
    """Rows by table: lexicon_events, lexicon_properties, cohorts, funnels, bookmarks, annotations.

    A part that the plan refuses is Skipped, in Mixpanel's words; any other failure is raised.
    It takes two queries and one question to the Lexicon; the app API's are free.
    """
    parts: dict[str, Part] = {}
    for tables, fetch in FETCHES:
        try:
            parts |= fetch(mixpanel)
        except PlanRequiredError as error:
            said = str(error.details.get("body") or error.message)
            parts |= {table: Skipped(said) for table in tables}
    return parts


def _lexicon(mixpanel: Asker) -> dict[str, Part]:
    schemas = questions.lexicon_schemas(mixpanel, discovery.LexiconSchemas())
    return {
        "lexicon_events": [_event(one) for one in schemas if one.entity_type == "event"],
        "lexicon_properties": [row for one in schemas for row in _properties(one)],
    }


def _event(one: LexiconSchema) -> Row:
    known = one.schema_json
    return {
        "event_name": one.name,
        "description": known.description,
        **known.metadata.to_dict(),
    }


def _properties(one: LexiconSchema) -> list[Row]:
    return [
        {
            "entity_type": one.entity_type,
            "event_name": one.name if one.entity_type == "event" else None,
            "property": name,
            "type": found.type,
            "description": found.description,
            "display_name": found.metadata.display_name,
            "hidden": found.metadata.hidden,
            "dropped": found.metadata.dropped,
        }
        for name, found in one.schema_json.properties.items()
    ]


def _annotation(one: Annotation) -> Row:
    return {
        "id": one.id,
        "date": one.date[:10],
        "moment": one.date,
        "description": one.description,
        "user_name": one.user,
        "tags": one.tags,
    }


def _cohorts(mixpanel: Asker) -> dict[str, Part]:
    return {"cohorts": questions.cohorts(mixpanel, discovery.Cohorts()).to_dicts()}


def _funnels(mixpanel: Asker) -> dict[str, Part]:
    return {"funnels": questions.funnels(mixpanel, discovery.Funnels()).to_dicts()}


def _bookmarks(mixpanel: Asker) -> dict[str, Part]:
    found = questions.list_bookmarks(mixpanel, discovery.ListBookmarks())
    return {"bookmarks": found.to_dicts()}


def _annotations(mixpanel: Asker) -> dict[str, Part]:
    found = questions.annotations(mixpanel, discovery.Annotations())
    return {"annotations": [_annotation(one) for one in found]}


FETCHES: tuple[tuple[tuple[str, ...], Callable[[Asker], dict[str, Part]]], ...] = (
    (("lexicon_events", "lexicon_properties"), _lexicon),
    (("cohorts",), _cohorts),
    (("funnels",), _funnels),
    (("bookmarks",), _bookmarks),
    (("annotations",), _annotations),
)
