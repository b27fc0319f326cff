"""Questions about the project; Mixpanel's answers are cached on disk for an hour.

Asking raises the same errors as live questions.
"""

from dataclasses import KW_ONLY
from typing import Annotated, ClassVar, Literal

from mixpanel_assets import results
from mixpanel_assets.naming import named
from mixpanel_assets.questions import fields
from mixpanel_assets.questions.base import Between, Param, Question, R

EntityType = Literal["event", "profile"]
Pinned = results.Records[results.Annotation]
Limit = Annotated[int, Param("Maximum number, the most frequent first.", "-l", least=1)]


class Discovery(Question[R]):
    """A question about the project."""


class Events(Discovery[list[str]]):
    """List event names: of the last 31 days, of the Lexicon, and of landed events.

    Sources that the plan does not include are left out. If Mixpanel can't be asked now, or refuses,
    the answer is the landed events, with a note; without landed events the error is raised.
    """

    heading: ClassVar[str] = "event"


class Properties(Discovery[list[str]]):
    """List the names of an event's recent properties.

    EventNotFoundError if there is no such event.
    https://developer.mixpanel.com/reference/query-events-top-properties
    """

    example: ClassVar[str] = "--event Purchase"
    heading: ClassVar[str] = "property"

    event: fields.EventName


class PropertyValues(Discovery[list[str]]):
    """List the most frequent values of a property, as text.

    EventNotFoundError and PropertyNotFoundError where none is known.
    https://developer.mixpanel.com/reference/query-events-top-property-values
    """

    example: ClassVar[str] = "--property plan --event Purchase"
    command: ClassVar[str] = "values"
    heading: ClassVar[str] = "value"

    property_name: fields.PropertyName
    _: KW_ONLY
    event: Annotated[
        str | None, Param("Only values of this event; Mixpanel may require it.", "-e", check=named)
    ] = None
    limit: Limit = 100


class Subproperties(Discovery[results.Records[results.SubPropertyInfo]]):
    """List the members of a property that holds objects or lists of objects.

    Empty if its values are scalars. EventNotFoundError, PropertyNotFoundError.
    """

    example: ClassVar[str] = "--event Purchase --property items"

    event: fields.EventName
    property_name: fields.PropertyName


class ProfileProperties(Discovery[results.Records[results.ProfileProperty]]):
    """List the properties of user profiles, with their most common type.

    Mixpanel does not document this answer, and may change it.
    """


class TopEvents(Discovery[results.Records[results.TopEvent]]):
    """List today's most frequent events, with the change from yesterday.

    https://developer.mixpanel.com/reference/query-top-events
    """

    example: ClassVar[str] = "--limit 5"

    _: KW_ONLY
    type: fields.CountingOf = "general"
    limit: Limit = 10


class Funnels(Discovery[results.Records[results.FunnelInfo]]):
    """List saved funnels.

    Funnels saved as reports are listed as bookmarks.
    https://developer.mixpanel.com/reference/funnels-list-saved
    """


class Cohorts(Discovery[results.Records[results.SavedCohort]]):
    """List saved cohorts and their sizes.

    https://developer.mixpanel.com/reference/cohorts-list
    """


class ListBookmarks(Discovery[results.Records[results.BookmarkInfo]]):
    """List saved reports (Mixpanel's API calls them bookmarks).

    Mixpanel does not document this answer, and may change it.
    """

    example: ClassVar[str] = "--type insights"
    command: ClassVar[str] = "bookmarks"

    bookmark_type: Annotated[
        Literal["insights", "funnels", "retention", "flows", "launch-analysis"] | None,
        Param("Only reports of this type.", "--type", "-t"),
    ] = None


class Annotations(Between[Pinned], Discovery[Pinned]):
    """List annotations: notes on days.

    https://developer.mixpanel.com/reference/list-all-annotations-for-project
    """

    example: ClassVar[str] = "--from 30d"

    from_date: fields.FirstOrAll = None
    to_date: fields.LastOrAll = None


class LexiconSchemas(Discovery[results.Records[results.LexiconSchema]]):
    """List the schemas of the Lexicon, Mixpanel's data dictionary.

    Events without a description are not listed.
    https://developer.mixpanel.com/reference/list-all-schemas-for-project
    """

    example: ClassVar[str] = "--type event"

    _: KW_ONLY
    entity_type: Annotated[
        EntityType | None, Param("Only schemas of events, or of profiles.", "--type", "-t")
    ] = None


class LexiconSchema(Discovery[results.LexiconSchema]):
    """Show the Lexicon's schema of one event, or of profiles.

    EventNotFoundError if it has no description.
    https://developer.mixpanel.com/reference/list-schemas-by-entity-and-name
    """

    example: ClassVar[str] = "--type event --name Purchase"

    entity_type: Annotated[EntityType, Param("An event, or profiles.", "--type", "-t")]
    name: Annotated[str, Param("The event; $user for profiles.", "--name", "-n", check=named)]
