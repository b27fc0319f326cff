"""What the project has: Mixpanel's answers, kept on disk for an hour."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from mixpanel_assets.errors import DatabaseLockedError, DatabaseNotFoundError
from mixpanel_assets.workspace.opening import Opening

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.answers_cache import CachedAnswers
    from mixpanel_assets.mixpanel.catalog import BookmarkType, CountType, EntityType
    from mixpanel_assets.results import (
        Annotation,
        BookmarkInfo,
        FunnelInfo,
        LexiconSchema,
        Records,
        SavedCohort,
        SubPropertyInfo,
        TopEvent,
    )


class Discovery(Opening):
    """Names, values, saved reports and the Lexicon. All raise what live questions do."""

    @property
    def _answers(self) -> CachedAnswers:
        from mixpanel_assets.mixpanel.answers_cache import CachedAnswers

        return CachedAnswers(self.api, self.settings)

    def clear_discovery_cache(self) -> None:
        """What Mixpanel said is forgotten: the next question is asked."""
        self._answers.clear()

    def _landed_events(self) -> list[str]:
        from mixpanel_assets.warehouse.catalog import landed_events

        try:
            with self._reading() as warehouse:
                return landed_events(warehouse)
        except (DatabaseNotFoundError, DatabaseLockedError):
            return []

    def events(self) -> list[str]:
        """Every event that is known, sorted: of the last 31 days, of the Lexicon, and landed.

        What the plan refuses is left out; PlanRequiredError if it refuses both questions.
        """
        from mixpanel_assets.mixpanel.catalog import events

        return events(self._answers, landed=self._landed_events)

    def properties(
        self,
        event: str,
    ) -> list[str]:
        """The names of the properties that the event has carried lately; sorted.

        EventNotFoundError if there is no such event. https://developer.mixpanel.com/reference/query-events-top-properties
        """
        from mixpanel_assets.mixpanel.catalog import properties

        return properties(self._answers, event, landed=self._landed_events)

    def property_values(
        self,
        property_name: str,
        *,
        event: str | None = None,
        limit: int = 100,
    ) -> list[str]:
        """The commonest values of a property, as text, of one event or as Mixpanel has it without.

        EventNotFoundError, PropertyNotFoundError where none is known. https://developer.mixpanel.com/reference/query-events-top-property-values
        """
        from mixpanel_assets.mixpanel.catalog import property_values

        return property_values(
            self._answers, property_name, event=event, limit=limit, landed=self._landed_events
        )

    def subproperties(
        self,
        event: str,
        property_name: str,
    ) -> Records[SubPropertyInfo]:
        """The properties inside a property of objects, or of lists of them, as seen in its values.

        None where its values are plain. EventNotFoundError, PropertyNotFoundError.
        """
        from mixpanel_assets.mixpanel.catalog import subproperties

        return subproperties(self._answers, event, property_name, landed=self._landed_events)

    def top_events(
        self,
        *,
        type: CountType = "general",  # noqa: A002  Mixpanel's own word
        limit: int | None = None,
    ) -> Records[TopEvent]:
        """Today's commonest events, against yesterday's.

        https://developer.mixpanel.com/reference/query-top-events
        """
        from mixpanel_assets.mixpanel.catalog import top_events

        return top_events(self._answers, type_=type, limit=limit)

    def funnels(self) -> Records[FunnelInfo]:
        """The saved funnels; those saved as reports are among the bookmarks.

        https://developer.mixpanel.com/reference/funnels-list-saved
        """
        from mixpanel_assets.mixpanel.catalog import funnels

        return funnels(self._answers)

    def cohorts(self) -> Records[SavedCohort]:
        """The saved cohorts. https://developer.mixpanel.com/reference/cohorts-list"""
        from mixpanel_assets.mixpanel.catalog import cohorts

        return cohorts(self._answers)

    def list_bookmarks(
        self,
        bookmark_type: BookmarkType | None = None,
    ) -> Records[BookmarkInfo]:
        """The saved reports, perhaps of one type. Mixpanel has no page on it, and may change it."""
        from mixpanel_assets.mixpanel.catalog import bookmarks

        return bookmarks(self._answers, bookmark_type)

    def annotations(
        self,
        from_date: date | str | None = None,
        to_date: date | str | None = None,
    ) -> Records[Annotation]:
        """The notes pinned to days, both ends included.

        https://developer.mixpanel.com/reference/list-all-annotations-for-project
        """
        from mixpanel_assets.mixpanel.catalog import annotations

        days = (self._day_or_none(from_date), self._day_or_none(to_date))
        first, last = (str(day) if day else None for day in days)
        return annotations(self._answers, first, last)

    def lexicon_schemas(
        self,
        *,
        entity_type: EntityType | None = None,
    ) -> Records[LexiconSchema]:
        """What the Lexicon describes; an event that nobody described is not there.

        https://developer.mixpanel.com/reference/list-all-schemas-for-project
        """
        from mixpanel_assets.mixpanel.catalog import lexicon_schemas

        return lexicon_schemas(self._answers, entity_type=entity_type)

    def lexicon_schema(
        self,
        entity_type: EntityType,
        name: str,
    ) -> LexiconSchema:
        """What the Lexicon says of one event, or of profiles (`$user`).

        EventNotFoundError if it says nothing. https://developer.mixpanel.com/reference/list-schemas-by-entity-and-name
        """
        from mixpanel_assets.mixpanel.catalog import lexicon_schema

        return lexicon_schema(self._answers, entity_type, name)
