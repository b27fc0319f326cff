"""What the project has: answers of Mixpanel, kept on disk for an hour.

Asking raises what live questions do.
"""

from dataclasses import KW_ONLY
from typing import Annotated, ClassVar, Literal

from mixpanel_assets import results
from mixpanel_assets.naming import named
from mixpanel_assets.questions.base import Between, Day, Param, Question, R, question
from mixpanel_assets.questions.fields import CountingOf, EventName, PropertyName

EntityType = Literal["event", "profile"]
Pinned = results.Records[results.Annotation]
Limit = Annotated[int, Param("How many, the commonest first.", "-l", least=1)]


@question
class Discovery(Question[R]):
    """A question about what the project has."""


@question
class Events(Discovery[list[str]]):
    """List the names of events: of the last 31 days, of the Lexicon, and landed.

    What the plan refuses is left out. If Mixpanel gives none now, or to this plan, they are those
    that are landed, with a note; without these, the error is raised.
    """

    heading: ClassVar[str] = "event"


@question
class Properties(Discovery[list[str]]):
    """List the names of an event's properties, as Mixpanel has seen them lately.

    EventNotFoundError if there is no such event.
    https://developer.mixpanel.com/reference/query-events-top-properties
    """

    example: ClassVar[str] = "--event Purchase"
    heading: ClassVar[str] = "property"

    event: EventName


@question
class PropertyValues(Discovery[list[str]]):
    """List the commonest values of a property, as text.

    EventNotFoundError and PropertyNotFoundError where none is known.
    https://developer.mixpanel.com/reference/query-events-top-property-values
    """

    example: ClassVar[str] = "--property plan --event Purchase"
    command: ClassVar[str] = "values"
    heading: ClassVar[str] = "value"

    property_name: PropertyName
    _: KW_ONLY
    event: Annotated[
        str | None, Param("Only this event's; Mixpanel may need one.", "-e", check=named)
    ] = None
    limit: Limit = 100


@question
class Subproperties(Discovery[results.Records[results.SubPropertyInfo]]):
    """List what is inside a property of objects, or of lists of objects.

    None if its values are plain. EventNotFoundError, PropertyNotFoundError.
    """

    example: ClassVar[str] = "--event Purchase --property items"

    event: EventName
    property_name: PropertyName


@question
class ProfileProperties(Discovery[results.Records[results.ProfileProperty]]):
    """List the properties of user profiles, and what type their values mostly have.

    Mixpanel does not document this answer, and may change it.
    """


@question
class TopEvents(Discovery[results.Records[results.TopEvent]]):
    """List today's commonest events, against yesterday's.

    https://developer.mixpanel.com/reference/query-top-events
    """

    example: ClassVar[str] = "--limit 5"

    _: KW_ONLY
    type: CountingOf = "general"
    limit: Limit = 10


@question
class Funnels(Discovery[results.Records[results.FunnelInfo]]):
    """List the saved funnels.

    Those saved as reports are among the bookmarks.
    https://developer.mixpanel.com/reference/funnels-list-saved
    """


@question
class Cohorts(Discovery[results.Records[results.SavedCohort]]):
    """List the saved cohorts, and how many people are in each.

    https://developer.mixpanel.com/reference/cohorts-list
    """


@question
class ListBookmarks(Discovery[results.Records[results.BookmarkInfo]]):
    """List the saved reports, which Mixpanel calls bookmarks.

    Mixpanel does not document this answer, and may change it.
    """

    example: ClassVar[str] = "--type insights"
    command: ClassVar[str] = "bookmarks"

    bookmark_type: Annotated[
        Literal["insights", "funnels", "retention", "flows", "launch-analysis"] | None,
        Param("Only reports of this type.", "--type", "-t"),
    ] = None


@question
class Annotations(Between[Pinned], Discovery[Pinned]):
    """List the notes that are pinned to days.

    https://developer.mixpanel.com/reference/list-all-annotations-for-project
    """

    example: ClassVar[str] = "--from 30d"

    from_date: Annotated[
        Day | None,
        Param("First day: YYYY-MM-DD, today, yesterday or 7d; default: all.", "--from"),
    ] = None
    to_date: Annotated[Day | None, Param("Last day, included; default: all.", "--to")] = None


@question
class LexiconSchemas(Discovery[results.Records[results.LexiconSchema]]):
    """List what the Lexicon, Mixpanel's data dictionary, describes.

    An event that has no description is not there.
    https://developer.mixpanel.com/reference/list-all-schemas-for-project
    """

    example: ClassVar[str] = "--type event"

    _: KW_ONLY
    entity_type: Annotated[
        EntityType | None, Param("Only those of events, or of profiles.", "--type", "-t")
    ] = None


@question
class LexiconSchema(Discovery[results.LexiconSchema]):
    """Show what the Lexicon says of one event, or of profiles, and of their properties.

    EventNotFoundError if it has no description.
    https://developer.mixpanel.com/reference/list-schemas-by-entity-and-name
    """

    example: ClassVar[str] = "--type event --name Purchase"

    entity_type: Annotated[EntityType, Param("An event, or profiles.", "--type", "-t")]
    name: Annotated[str, Param("The event; $user for profiles.", "--name", "-n", check=named)]
