"""What a project has, saved and described. Dates are text, as Mixpanel words them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mixpanel_assets.results.base import Result
from mixpanel_assets.results.frames import frame

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


class Record(Result):
    """A result that is one of a list."""

    def to_row(self) -> Row:
        """What a table shows of it: by default all of it."""
        return self.to_dict()

    def to_rows(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        row = self.to_row()
        return list(row), [tuple(row.values())]


R = TypeVar("R", bound=Record)


class Records(list[R], Generic[R]):
    """A list of records of one kind, which is a table too."""

    def __init__(self, kind: type[R], items: Iterable[R] = ()) -> None:
        super().__init__(items)
        self.kind = kind

    def to_dicts(self) -> list[Row]:
        """Each record as plain data."""
        return [item.to_dict() for item in self]

    def to_rows(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows; the columns are there without any rows too."""
        columns = list((self[0] if self else self.kind()).to_row())
        return columns, [tuple(item.to_row().values()) for item in self]

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame."""
        return frame(*self.to_rows())


@dataclass(frozen=True, repr=False)
class FunnelInfo(Record):
    """A saved funnel."""

    funnel_id: int | None = None
    name: str = ""


@dataclass(frozen=True, repr=False)
class SavedCohort(Record):
    """A saved cohort: `count` people are in it."""

    id: int | None = None
    name: str = ""
    count: int | None = None
    description: str = ""
    created: str | None = None  # like 2019-03-19 23:49:51
    is_visible: bool = True


@dataclass(frozen=True, repr=False)
class BookmarkInfo(Record):
    """A saved report: its type is insights, funnels, retention, flows or launch-analysis."""

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
    params: Any = None  # what the report asks, as Mixpanel keeps it

    def to_row(self) -> Row:
        row = self.to_dict()
        del row["params"]
        return row


@dataclass(frozen=True, repr=False)
class TopEvent(Record):
    """An event of today: how often, and the change since yesterday as Mixpanel normalizes it."""

    event: str = ""
    count: int | float = 0
    percent_change: float | None = None


@dataclass(frozen=True, repr=False)
class Annotation(Record):
    """A note pinned to a moment, `YYYY-MM-DD HH:MM:SS` on the project's clock."""

    id: int | None = None
    date: str = ""
    description: str = ""
    user: str | None = None  # who wrote it
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, repr=False)
class SubPropertyInfo(Record):
    """A property inside a property: type is string, number, boolean, list, object or mixed."""

    name: str = ""
    type: str = ""
    sample_values: list[Any] = field(default_factory=list)


@dataclass(frozen=True, repr=False)
class ProfileProperty(Record):
    """A property of profiles; its type is string, number, boolean, datetime, object or list."""

    name: str = ""
    type: str = "unknown"


@dataclass(frozen=True, repr=False)
class LexiconMetadata(Record):
    """What Mixpanel itself keeps of an event or property."""

    source: str | None = None
    display_name: str | None = None
    tags: list[str] = field(default_factory=list)
    hidden: bool = False
    dropped: bool = False
    contacts: list[str] = field(default_factory=list)
    team_contacts: list[str] = field(default_factory=list)


@dataclass(frozen=True, repr=False)
class LexiconProperty(Record):
    """A described property: type is array, boolean, integer, null, number, object or string."""

    type: str | None = None
    description: str | None = None
    metadata: LexiconMetadata = LexiconMetadata()


@dataclass(frozen=True, repr=False)
class LexiconDefinition(Record):
    """What an event or profile means, and its properties by name."""

    description: str | None = None
    properties: dict[str, LexiconProperty] = field(default_factory=dict)
    metadata: LexiconMetadata = LexiconMetadata()


@dataclass(frozen=True, repr=False)
class LexiconSchema(Record):
    """An entry of the Lexicon: entity_type is event or profile."""

    entity_type: str = ""
    name: str = ""
    schema_json: LexiconDefinition = LexiconDefinition()

    def to_row(self) -> Row:
        """The entry in a line; its properties are but counted."""
        known = self.schema_json
        return {
            "entity_type": self.entity_type,
            "name": self.name,
            "description": known.description,
            **known.metadata.to_dict(),
            "properties": len(known.properties),
        }

    def to_rows(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """A row for each property."""
        columns = ["property", "type", "description", "display_name", "hidden", "dropped"]
        return columns, [
            (name, one.type, one.description, *_shown(one.metadata))
            for name, one in self.schema_json.properties.items()
        ]


def _shown(metadata: LexiconMetadata) -> tuple[Any, ...]:
    return metadata.display_name, metadata.hidden, metadata.dropped


@dataclass(frozen=True, repr=False)
class Skipped(Result):
    """A part of the catalog that the project's plan does not give, in Mixpanel's own words."""

    reason: str
