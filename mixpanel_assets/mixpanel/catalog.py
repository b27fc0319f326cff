"""What a project has: names of events and properties, saved things, the Lexicon."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import (
    EventNotFoundError,
    MixpanelDataError,
    PlanRequiredError,
    PropertyNotFoundError,
    QueryError,
    did_you_mean,
    near_names,
)
from mixpanel_assets.mixpanel import catalog_answers as answers
from mixpanel_assets.results.catalog import (
    Annotation,
    BookmarkInfo,
    FunnelInfo,
    LexiconSchema,
    Records,
    SavedCohort,
    SubPropertyInfo,
    TopEvent,
)

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.names import Names

MOST_EVENTS = 5000  # Mixpanel gives no more names, whatever is asked for
MOST_PROPERTIES = 2000
MOST_SAMPLES = 255
CountType = Literal["general", "unique", "average"]
BookmarkType = Literal["insights", "funnels", "retention", "flows", "launch-analysis"]
EntityType = Literal["event", "profile"]
Landed = Callable[[], Collection[str]]


class Asker(Protocol):
    """Who puts the questions: a Client, or CachedAnswers over one."""

    @property
    def credentials(self) -> Credentials: ...

    @property
    def names(self) -> "Names | None": ...

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        body: Any = None,
        kind: Literal["export", "query", "lexicon"] | None = "query",
    ) -> Any: ...


def _nothing() -> Collection[str]:
    return ()


def event_names(
    mixpanel: Asker, *, type_: CountType = "general", limit: int = MOST_EVENTS
) -> list[str]:
    """The events of the last 31 days, the commonest first.

    https://developer.mixpanel.com/reference/query-months-top-event-names
    """
    params = {"type": type_, "limit": limit}
    return answers.names(mixpanel.ask("GET", "/api/query/events/names", params=params))


def events(mixpanel: Asker, *, landed: Landed = _nothing) -> list[str]:
    """Every event that is known: of the last 31 days, of the Lexicon and of what is landed; sorted.

    What the plan refuses is left out; PlanRequiredError if it refuses both questions.
    """
    found: set[str] = set()
    refusals: list[MixpanelDataError] = []
    for names in (event_names, described_events):
        try:
            found |= set(names(mixpanel))
        except PlanRequiredError as error:
            refusals.append(error)
    if len(refusals) == 2:
        raise refusals[0]
    return sorted(found | set(landed()))


def described_events(mixpanel: Asker) -> list[str]:
    """The events that the Lexicon describes."""
    return [one.name for one in lexicon_schemas(mixpanel, entity_type="event")]


def properties(mixpanel: Asker, event: str, *, landed: Landed = _nothing) -> list[str]:
    """The names of the properties that the event has carried lately; sorted.

    EventNotFoundError if there is no such event. https://developer.mixpanel.com/reference/query-events-top-properties
    """
    if mixpanel.names:
        mixpanel.names.check([event])
    found = property_names(mixpanel, event)
    if not found:
        check_event(mixpanel, event, landed=landed)
    return sorted(found)


def property_names(mixpanel: Asker, event: str) -> list[str]:
    """The properties that the event has carried lately, the commonest first."""
    params = {"event": event, "limit": MOST_PROPERTIES}
    answer = mixpanel.ask("GET", "/api/query/events/properties/top", params=params)
    return answers.property_names(answer)


def property_values(
    mixpanel: Asker,
    property_name: str,
    *,
    event: str | None = None,
    limit: int = 100,
    landed: Landed = _nothing,
) -> list[str]:
    """The commonest values of a property, as text, of one event or as Mixpanel has it without.

    EventNotFoundError, PropertyNotFoundError where none is known. https://developer.mixpanel.com/reference/query-events-top-property-values
    """
    if event and mixpanel.names:
        mixpanel.names.check([event])
    params = {"name": property_name, "limit": limit, **({"event": event} if event else {})}
    try:
        answer = mixpanel.ask("GET", "/api/query/events/properties/values", params=params)
    except QueryError as error:
        if event is None:
            error.hint = "Mixpanel may want to know whose property it is: name an event too"
        raise
    found = answers.values(answer)
    if not found and event:
        check_property(mixpanel, event, property_name, landed=landed)
    return found


def subproperties(
    mixpanel: Asker, event: str, property_name: str, *, landed: Landed = _nothing
) -> Records[SubPropertyInfo]:
    """The properties inside a property of objects, or of lists of them, as seen in its values.

    None where its values are plain. EventNotFoundError, PropertyNotFoundError.
    """
    found = property_values(mixpanel, property_name, event=event, limit=MOST_SAMPLES, landed=landed)
    return answers.subproperties(found)


def check_event(mixpanel: Asker, event: str, *, landed: Landed = _nothing) -> None:
    """EventNotFoundError unless the event is known; with the names that may have been meant."""
    known = events(mixpanel, landed=landed)
    if event not in known:
        raise not_found(event, known)


def not_found(event: str, known: Collection[str], message: str | None = None) -> EventNotFoundError:
    """The error for an event that is not known, with the names that may have been meant."""
    near = near_names(event, known)
    return EventNotFoundError(
        message or f"there is no event {event!r}",
        hint=f"{did_you_mean(near) or 'see them'}; a new one is known after: "
        "mp inspect events --refresh",
        event_name=event,
        similar_events=near,
    )


def check_property(
    mixpanel: Asker, event: str, property_name: str, *, landed: Landed = _nothing
) -> None:
    """EventNotFoundError, or PropertyNotFoundError unless the event carries the property."""
    known = properties(mixpanel, event, landed=landed)
    if property_name in known:
        return
    near = near_names(property_name, known)
    see = f"see them: mp inspect properties --event {json.dumps(event, ensure_ascii=False)}"
    raise PropertyNotFoundError(
        f"{event} has no property {property_name!r}",
        hint=did_you_mean(near) or see,
        event_name=event,
        property_name=property_name,
        similar_properties=near,
    )


def top_events(
    mixpanel: Asker, *, type_: CountType = "general", limit: int | None = None
) -> Records[TopEvent]:
    """Today's commonest events, against yesterday's.

    https://developer.mixpanel.com/reference/query-top-events
    """
    params = {"type": type_, **({"limit": limit} if limit else {})}
    return answers.top_events(mixpanel.ask("GET", "/api/query/events/top", params=params))


def funnels(mixpanel: Asker) -> Records[FunnelInfo]:
    """The saved funnels; those saved as reports are among the bookmarks.

    https://developer.mixpanel.com/reference/funnels-list-saved
    """
    return answers.funnels(mixpanel.ask("GET", "/api/query/funnels/list"))


def cohorts(mixpanel: Asker) -> Records[SavedCohort]:
    """The saved cohorts. https://developer.mixpanel.com/reference/cohorts-list"""
    return answers.cohorts(mixpanel.ask("POST", "/api/query/cohorts/list"))


def bookmarks(mixpanel: Asker, bookmark_type: BookmarkType | None = None) -> Records[BookmarkInfo]:
    """The saved reports, perhaps of one type. Mixpanel has no page on it, and may change it."""
    params = {"v": 2, **({"type": bookmark_type} if bookmark_type else {})}
    path = f"{_project(mixpanel)}/bookmarks"
    return answers.bookmarks(mixpanel.ask("GET", path, params=params, kind=None))


def annotations(
    mixpanel: Asker, from_date: str | None = None, to_date: str | None = None
) -> Records[Annotation]:
    """The notes pinned to days, both ends included.

    https://developer.mixpanel.com/reference/list-all-annotations-for-project
    """
    days = {"fromDate": from_date, "toDate": to_date}
    params = {name: day for name, day in days.items() if day}
    path = f"{_project(mixpanel)}/annotations"
    return answers.annotations(mixpanel.ask("GET", path, params=params or None, kind=None))


def lexicon_schemas(
    mixpanel: Asker, *, entity_type: EntityType | None = None
) -> Records[LexiconSchema]:
    """What the Lexicon describes; an event that nobody described is not there.

    https://developer.mixpanel.com/reference/list-all-schemas-for-project
    """
    path = f"{_project(mixpanel)}/schemas"
    found = answers.schemas(mixpanel.ask("GET", path, kind="lexicon"))
    # All at once: five such questions a minute are all there are.
    wanted = (one for one in found if entity_type in (None, one.entity_type))
    return Records(LexiconSchema, wanted)


def lexicon_schema(mixpanel: Asker, entity_type: EntityType, name: str) -> LexiconSchema:
    """What the Lexicon says of one event, or of profiles (`$user`).

    EventNotFoundError if it says nothing. https://developer.mixpanel.com/reference/list-schemas-by-entity-and-name
    """
    # Out of the whole list: a name with a slash in it has no path of its own everywhere.
    known = {one.name: one for one in lexicon_schemas(mixpanel, entity_type=entity_type)}
    if name in known:
        return known[name]
    near = near_names(name, known)
    raise EventNotFoundError(
        f"the Lexicon describes no {entity_type} {name!r}",
        hint=did_you_mean(near) or "see: mp inspect lexicon-schemas",
        entity_type=entity_type,
        event_name=name,
        similar_events=near,
    )


def _project(mixpanel: Asker) -> str:
    return f"/api/app/projects/{mixpanel.credentials.project_id}"
