"""The catalog as rows, one list for each table of the warehouse."""

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

    A part that the plan does not include is Skipped, with Mixpanel's message; other errors are
    raised. Costs two queries and one Lexicon request; requests to the app API are free.
    """
    parts: dict[str, Part] = {}
    for tables, fetch in FETCHES.items():
        try:
            parts |= zip(tables, fetch(mixpanel), strict=True)
        except PlanRequiredError as error:
            parts |= dict.fromkeys(tables, Skipped(str(error.details.get("body") or error.message)))
    return parts


def _lexicon(mixpanel: Asker) -> tuple[list[Row], list[Row]]:
    schemas = questions.lexicon_schemas(mixpanel, discovery.LexiconSchemas())
    events = [_event(one) for one in schemas if one.entity_type == "event"]
    return events, [row for one in schemas for row in _properties(one)]


def _event(one: LexiconSchema) -> Row:
    known = one.schema_json
    return {"event_name": one.name, "description": known.description, **known.metadata.to_dict()}


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


FETCHES: dict[tuple[str, ...], Callable[[Asker], tuple[list[Row], ...]]] = {
    ("lexicon_events", "lexicon_properties"): _lexicon,
    ("cohorts",): lambda of: (questions.cohorts(of, discovery.Cohorts()).to_dicts(),),
    ("funnels",): lambda of: (questions.funnels(of, discovery.Funnels()).to_dicts(),),
    ("bookmarks",): lambda of: (
        questions.list_bookmarks(of, discovery.ListBookmarks()).to_dicts(),
    ),
    ("annotations",): lambda of: (
        [_annotation(one) for one in questions.annotations(of, discovery.Annotations())],
    ),
}
