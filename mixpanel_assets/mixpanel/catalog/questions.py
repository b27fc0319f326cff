"""How each question about a project is asked, and how its answer is read."""

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import (
    APIError,
    EventNotFoundError,
    MixpanelDataError,
    PlanRequiredError,
    PropertyNotFoundError,
    QueryError,
    did_you_mean,
    near_names,
)
from mixpanel_assets.mixpanel.cache import CachedAnswers
from mixpanel_assets.mixpanel.catalog import answers
from mixpanel_assets.notes import note
from mixpanel_assets.questions import discovery
from mixpanel_assets.results.catalog import (
    Annotation,
    BookmarkInfo,
    FunnelInfo,
    LexiconSchema,
    ProfileProperty,
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


class Asker(Protocol):
    """A Client, or CachedAnswers over one."""

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


def event_names(mixpanel: Asker) -> list[str]:
    """The events of the last 31 days, the commonest first.

    https://developer.mixpanel.com/reference/query-months-top-event-names
    """
    params = {"type": "general", "limit": MOST_EVENTS}
    return answers.names(mixpanel.ask("GET", "/api/query/events/names", params=params))


def described_events(mixpanel: Asker) -> list[str]:
    """The events that the Lexicon describes."""
    asked = discovery.LexiconSchemas(entity_type="event")
    return [one.name for one in lexicon_schemas(mixpanel, asked)]


def property_names(mixpanel: Asker, event: str) -> list[str]:
    """The properties that the event has carried lately, the commonest first."""
    params = {"event": event, "limit": MOST_PROPERTIES}
    answer = mixpanel.ask("GET", "/api/query/events/properties/top", params=params)
    return answers.property_names(answer)


def events(mixpanel: CachedAnswers, asked: discovery.Events) -> list[str]:  # noqa: ARG001
    try:
        return _known_events(mixpanel)
    except MixpanelDataError as error:
        landed = mixpanel.landed_events()
        if not landed or not (error.may_pass_later or isinstance(error, PlanRequiredError)):
            raise
        note(f"{error.message}; these are the events that are landed")
        return sorted(landed)


def _known_events(mixpanel: CachedAnswers) -> list[str]:
    """Of the last 31 days, of the Lexicon and landed. PlanRequiredError if both are refused."""
    found: set[str] = set()
    refusals: list[MixpanelDataError] = []
    for names in (event_names, described_events):
        try:
            found |= set(names(mixpanel))
        except PlanRequiredError as error:
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
    except QueryError as error:
        if event is None:
            error.hint = "Mixpanel may need to know whose property it is: name an event too"
        raise
    found = answers.values(answer)
    if not found and event:
        _check_property(mixpanel, event, name)
    return found


def subproperties(
    mixpanel: CachedAnswers, asked: discovery.Subproperties
) -> Records[SubPropertyInfo]:
    of = discovery.PropertyValues(asked.property_name, event=asked.event, limit=MOST_SAMPLES)
    return answers.subproperties(property_values(mixpanel, of))


def profile_properties(
    mixpanel: Asker,
    asked: discovery.ProfileProperties,  # noqa: ARG001
) -> Records[ProfileProperty]:
    answer = mixpanel.ask("GET", "/api/query/engage/properties")
    found = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(found, dict):
        raise APIError("Mixpanel's answer has no properties of profiles", body=str(answer)[:500])
    types = {name: one.get("type") for name, one in found.items() if isinstance(one, dict)}
    return Records(ProfileProperty, (ProfileProperty(n, str(t)) for n, t in sorted(types.items())))


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


def _check_property(mixpanel: CachedAnswers, event: str, name: str) -> None:
    """EventNotFoundError, or PropertyNotFoundError unless the event carries the property."""
    known = properties(mixpanel, discovery.Properties(event))
    if name in known:
        return
    near = near_names(name, known)
    see = f"see them: mp inspect properties --event {json.dumps(event, ensure_ascii=False)}"
    raise PropertyNotFoundError(
        f"{event} has no property {name!r}",
        hint=did_you_mean(near) or see,
        event_name=event,
        property_name=name,
        similar_properties=near,
    )


def top_events(mixpanel: Asker, asked: discovery.TopEvents) -> Records[TopEvent]:
    params = asked.to_dict()
    return answers.top_events(mixpanel.ask("GET", "/api/query/events/top", params=params))


def funnels(mixpanel: Asker, asked: discovery.Funnels) -> Records[FunnelInfo]:  # noqa: ARG001
    return answers.funnels(mixpanel.ask("GET", "/api/query/funnels/list"))


def cohorts(mixpanel: Asker, asked: discovery.Cohorts) -> Records[SavedCohort]:  # noqa: ARG001
    return answers.cohorts(mixpanel.ask("POST", "/api/query/cohorts/list"))


def list_bookmarks(mixpanel: Asker, asked: discovery.ListBookmarks) -> Records[BookmarkInfo]:
    params = {"v": 2, **({"type": asked.bookmark_type} if asked.bookmark_type else {})}
    path = f"{_project(mixpanel)}/bookmarks"
    return answers.bookmarks(mixpanel.ask("GET", path, params=params, kind=None))


def annotations(mixpanel: Asker, asked: discovery.Annotations) -> Records[Annotation]:
    asked.check_dated()
    days = asked.to_dict()
    wire = {"from_date": "fromDate", "to_date": "toDate"}
    params = {wire[name]: day for name, day in days.items()}
    path = f"{_project(mixpanel)}/annotations"
    return answers.annotations(mixpanel.ask("GET", path, params=params or None, kind=None))


def lexicon_schemas(mixpanel: Asker, asked: discovery.LexiconSchemas) -> Records[LexiconSchema]:
    path = f"{_project(mixpanel)}/schemas"
    found = answers.schemas(mixpanel.ask("GET", path, kind="lexicon"))
    # All at once: five such questions a minute are all there are.
    wanted = (one for one in found if asked.entity_type in (None, one.entity_type))
    return Records(LexiconSchema, wanted)


def lexicon_schema(mixpanel: Asker, asked: discovery.LexiconSchema) -> LexiconSchema:
    # Out of the whole list: a name with a slash in it has no path of its own everywhere.
    kind, name = asked.entity_type, asked.name
    of_kind = discovery.LexiconSchemas(entity_type=kind)
    known = {one.name: one for one in lexicon_schemas(mixpanel, of_kind)}
    if name in known:
        return known[name]
    near = near_names(name, known)
    raise EventNotFoundError(
        f"the Lexicon describes no {kind} {name!r}",
        hint=did_you_mean(near) or "see: mp inspect lexicon-schemas",
        entity_type=kind,
        event_name=name,
        similar_events=near,
    )


def _project(mixpanel: Asker) -> str:
    return f"/api/app/projects/{mixpanel.credentials.project_id}"
