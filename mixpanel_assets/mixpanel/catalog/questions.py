"""One function for each discovery question: sends it and reads the answer."""

import json
from collections.abc import Collection

from mixpanel_assets import errors, results
from mixpanel_assets.mixpanel.cache import CachedAnswers
from mixpanel_assets.mixpanel.catalog import answers
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.notes import note
from mixpanel_assets.questions import discovery

Asker = Client | CachedAnswers
MOST_EVENTS = 5000  # Mixpanel's maximum
MOST_PROPERTIES = 2000
MOST_SAMPLES = 255


def event_names(mixpanel: Asker) -> list[str]:
    """The events of the last 31 days, most frequent first.

    https://developer.mixpanel.com/reference/query-months-top-event-names
    """
    params = {"type": "general", "limit": MOST_EVENTS}
    return answers.names(mixpanel.ask("GET", "/api/query/events/names", params=params))


def described_events(mixpanel: Asker) -> list[str]:
    """The events that the Lexicon describes."""
    listed = lexicon_schemas(mixpanel, discovery.LexiconSchemas(entity_type="event"))
    return [one.name for one in listed]


def property_names(mixpanel: Asker, event: str) -> list[str]:
    """The properties that the event had recently, most frequent first."""
    params = {"event": event, "limit": MOST_PROPERTIES}
    path = "/api/query/events/properties/top"
    return answers.property_names(mixpanel.ask("GET", path, params=params))


def events(mixpanel: CachedAnswers, asked: discovery.Events) -> list[str]:  # noqa: ARG001
    try:
        return _known_events(mixpanel)
    except errors.MixpanelDataError as error:
        landed = mixpanel.landed_events()
        if not landed or not (error.may_pass_later or isinstance(error, errors.PlanRequiredError)):
            raise
        note(f"{error.message}; only the landed events are listed")
        return sorted(landed)


def _known_events(mixpanel: CachedAnswers) -> list[str]:
    """Events of the last 31 days, of the Lexicon and of the warehouse.

    PlanRequiredError if the plan includes neither of the first two.
    """
    found: set[str] = set()
    refusals: list[errors.MixpanelDataError] = []
    for names in (event_names, described_events):
        try:
            found |= set(names(mixpanel))
        except errors.PlanRequiredError as error:
            refusals.append(error)
    if len(refusals) == 2:
        raise refusals[0]
    return sorted(found.union(mixpanel.landed_events()))


def properties(mixpanel: CachedAnswers, asked: discovery.Properties) -> list[str]:
    if mixpanel.names:
        mixpanel.names.check([asked.event])
    found = property_names(mixpanel, asked.event)
    if not found and asked.event not in (known := _known_events(mixpanel)):
        raise not_found(asked.event, known)
    return sorted(found)


def property_values(mixpanel: CachedAnswers, asked: discovery.PropertyValues) -> list[str]:
    event, name = asked.event, asked.property_name
    if event and mixpanel.names:
        mixpanel.names.check([event])
    params = {"name": name, "limit": asked.limit, **({"event": event} if event else {})}
    try:
        answer = mixpanel.ask("GET", "/api/query/events/properties/values", params=params)
    except errors.QueryError as error:
        if event is None:
            error.hint = "Mixpanel may require the event of the property: name an event too"
        raise
    found = answers.values(answer)
    if not found and event:
        _check_property(mixpanel, event, name)
    return found


def subproperties(
    mixpanel: CachedAnswers, asked: discovery.Subproperties
) -> results.Records[results.SubPropertyInfo]:
    of = discovery.PropertyValues(asked.property_name, event=asked.event, limit=MOST_SAMPLES)
    return answers.subproperties(property_values(mixpanel, of))


def profile_properties(
    mixpanel: Asker,
    asked: discovery.ProfileProperties,  # noqa: ARG001
) -> results.Records[results.ProfileProperty]:
    answer = mixpanel.ask("GET", "/api/query/engage/properties")
    found = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise errors.APIError("Mixpanel's answer has no profile properties", body=str(answer)[:500])
    types = {
        name: one.get("type") or "unknown" for name, one in found.items() if isinstance(one, dict)
    }
    return results.Records(
        results.ProfileProperty,
        (results.ProfileProperty(n, str(t)) for n, t in sorted(types.items())),
    )


def not_found(
    event: str, known: Collection[str], message: str | None = None
) -> errors.EventNotFoundError:
    """The error for an unknown event, with similar names."""
    near = errors.near_names(event, known)
    return errors.EventNotFoundError(
        message or f"there is no event {event!r}",
        hint=f"{errors.did_you_mean(near) or 'check the name'}; if it is new, run: "
        "mp inspect events --refresh",
        event_name=event,
        similar_events=near,
    )


def _check_property(mixpanel: CachedAnswers, event: str, name: str) -> None:
    """Raise PropertyNotFoundError if the event does not have the property, EventNotFoundError."""
    known = properties(mixpanel, discovery.Properties(event))
    if name in known:
        return
    near = errors.near_names(name, known)
    listing = f"list them: mp inspect properties --event {json.dumps(event, ensure_ascii=False)}"
    raise errors.PropertyNotFoundError(
        f"{event} has no property {name!r}",
        hint=errors.did_you_mean(near) or listing,
        event_name=event,
        property_name=name,
        similar_properties=near,
    )


def top_events(mixpanel: Asker, asked: discovery.TopEvents) -> results.Records[results.TopEvent]:
    return answers.top_events(mixpanel.ask("GET", "/api/query/events/top", params=asked.to_dict()))


def funnels(mixpanel: Asker, asked: discovery.Funnels) -> results.Records[results.FunnelInfo]:  # noqa: ARG001
    return answers.funnels(mixpanel.ask("GET", "/api/query/funnels/list"))


def cohorts(mixpanel: Asker, asked: discovery.Cohorts) -> results.Records[results.SavedCohort]:  # noqa: ARG001
    return answers.cohorts(mixpanel.ask("POST", "/api/query/cohorts/list"))


def list_bookmarks(
    mixpanel: Asker, asked: discovery.ListBookmarks
) -> results.Records[results.BookmarkInfo]:
    params = {"v": 2, **({"type": asked.bookmark_type} if asked.bookmark_type else {})}
    path = f"{_project(mixpanel)}/bookmarks"
    return answers.bookmarks(mixpanel.ask("GET", path, params=params, kind=None))


def annotations(
    mixpanel: Asker, asked: discovery.Annotations
) -> results.Records[results.Annotation]:
    asked.check_dated()
    wire = {"from_date": "fromDate", "to_date": "toDate"}
    params = {wire[name]: day for name, day in asked.to_dict().items()}
    path = f"{_project(mixpanel)}/annotations"
    return answers.annotations(mixpanel.ask("GET", path, params=params or None, kind=None))


def lexicon_schemas(
    mixpanel: Asker, asked: discovery.LexiconSchemas
) -> results.Records[results.LexiconSchema]:
    found = answers.schemas(mixpanel.ask("GET", f"{_project(mixpanel)}/schemas", kind="lexicon"))
    # One request for all: Mixpanel allows five a minute.
    wanted = (one for one in found if asked.entity_type in (None, one.entity_type))
    return results.Records(results.LexiconSchema, wanted)


def lexicon_schema(mixpanel: Asker, asked: discovery.LexiconSchema) -> results.LexiconSchema:
    # From the whole list: not every server accepts a name with a slash as a path.
    kind, name = asked.entity_type, asked.name
    listed = lexicon_schemas(mixpanel, discovery.LexiconSchemas(entity_type=kind))
    known = {one.name: one for one in listed}
    if name in known:
        return known[name]
    near = errors.near_names(name, known)
    raise errors.EventNotFoundError(
        f"the Lexicon has no {kind} {name!r}",
        hint=errors.did_you_mean(near) or "list its entries: mp inspect lexicon-schemas",
        entity_type=kind,
        event_name=name,
        similar_events=near,
    )


def _project(mixpanel: Asker) -> str:
    return f"/api/app/projects/{mixpanel.credentials.project_id}"
