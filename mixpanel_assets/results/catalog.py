"""Results about what a project contains. Dates are text, as Mixpanel writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mixpanel_assets.results.base import Result, Table, as_html
from mixpanel_assets.results.frames import frame

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


R = TypeVar("R", bound=Result)


class Records(list[R], Generic[R]):
    """A list of results of one kind, with the rows of a table."""

    def __init__(self, kind: type[R], items: Iterable[R] = ()) -> None:
        super().__init__(items)
        self.kind = kind

    def to_dicts(self) -> list[Row]:
        """Each result as plain data."""
        return [item.to_dict() for item in self]

    def to_rows(self) -> Table:
        """Column names and rows; an empty list has columns too."""
        columns = list((self[0] if self else self.kind()).to_row())
        return columns, [tuple(item.to_row().values()) for item in self]

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        return frame(*self.to_rows())

    def _repr_html_(self) -> str:
        return as_html(self.df)


class FunnelInfo(Result):
    """A saved funnel."""

    funnel_id: int | None = None
    name: str = ""


class SavedCohort(Result):
    """A saved cohort of `count` people."""

    id: int | None = None
    name: str = ""
    count: int | None = None
    description: str = ""
    created: str | None = None  # like 2019-03-19 23:49:51
    is_visible: bool = True


class BookmarkInfo(Result):
    """A saved report of type insights, funnels, retention, flows or launch-analysis."""

    id: int | None = None
    name: str = ""
    type: str = ""
    project_id: int | None = None
    workspace_id: int | None = None
    dashboard_id: int | None = None
    description: str = ""
    created: str | None = None
    modified: str | None = None
    creator_id: int | None = None
    creator_name: str | None = None
    creator_email: str | None = None
    params: Any = None  # the definition of the report, as Mixpanel stores it

    def to_row(self) -> Row:
        return {name: value for name, value in self.to_dict().items() if name != "params"}


class TopEvent(Result):
    """An event's count of today, and Mixpanel's normalized change since yesterday."""

    event: str = ""
    count: int | float = 0
    percent_change: float | None = None


class Annotation(Result):
    """A note pinned to a moment: `YYYY-MM-DD HH:MM:SS` in the project's time zone."""

    id: int | None = None
    date: str = ""
    description: str = ""
    user: str | None = None  # name of the author
    tags: list[str] = field(default_factory=list)


class SubPropertyInfo(Result):
    """A nested property of type string, number, boolean, list, object or mixed."""

    name: str = ""
    type: str = ""
    sample_values: list[Any] = field(default_factory=list)


class ProfileProperty(Result):
    """A profile property of type string, number, boolean, datetime, object or list."""

    name: str = ""
    type: str = "unknown"


class LexiconMetadata(Result):
    """Mixpanel's own metadata of an event or property."""

    source: str | None = None
    display_name: str | None = None
    tags: list[str] = field(default_factory=list)
    hidden: bool = False
    dropped: bool = False
    contacts: list[str] = field(default_factory=list)
    team_contacts: list[str] = field(default_factory=list)


class LexiconProperty(Result):
    """A described property of type array, boolean, integer, null, number, object or string."""

    type: str | None = None
    description: str | None = None
    metadata: LexiconMetadata = LexiconMetadata()


class LexiconDefinition(Result):
    """The description of an event or profile, and its properties by name."""

    description: str | None = None
    properties: dict[str, LexiconProperty] = field(default_factory=dict)
    metadata: LexiconMetadata = LexiconMetadata()


class LexiconSchema(Result):
    """An entry of the Lexicon; entity_type is event or profile."""

    entity_type: str = ""
    name: str = ""
    schema_json: LexiconDefinition = LexiconDefinition()

    def to_row(self) -> Row:
        """The entry as one row, with the number of its properties."""
        known = self.schema_json
        return {
            "entity_type": self.entity_type,
            "name": self.name,
            "description": known.description,
            **known.metadata.to_dict(),
            "properties": len(known.properties),
        }

    def to_rows(self) -> Table:
        """A row for each property."""
        columns = ["property", "type", "description", "display_name", "hidden", "dropped"]
        return columns, [
            (name, one.type, one.description, of.display_name, of.hidden, of.dropped)
            for name, one in self.schema_json.properties.items()
            for of in [one.metadata]
        ]


class Skipped(Result):
    """A part of the catalog that the project's plan does not include; `reason` is Mixpanel's."""

    reason: str
