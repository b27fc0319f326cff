"""What the tables hold: their columns, and what each means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# Properties with a column of their own in every event: wire name, column.
BASE_PROPERTIES = {
    "time": "event_time",
    "distinct_id": "distinct_id",
    "$device_id": "device_id",
    "$user_id": "user_id",
    "$insert_id": "insert_id",
    "mp_processing_time_ms": "processed_at",
}

EVENT_COLUMNS = {
    "event_date": ("DATE", "the day Mixpanel exported the event under; the partition"),
    "event_name": ("VARCHAR", "which event it is"),
    "event_time": ("TIMESTAMPTZ", "when it happened; null if the time sent is not a time"),
    "distinct_id": ("VARCHAR", "who did it; null if missing"),
    "device_id": ("VARCHAR", "$device_id"),
    "user_id": ("VARCHAR", "$user_id"),
    "insert_id": ("VARCHAR", "$insert_id; null if missing"),
    "processed_at": ("TIMESTAMPTZ", "when Mixpanel took it in (mp_processing_time_ms)"),
    "properties": ("JSON", "every property, verbatim as Mixpanel sent it"),
}

PROFILE_COLUMNS = {
    "distinct_id": ("VARCHAR", "whose profile it is; of a group its id"),
    "last_seen": ("TIMESTAMPTZ", "$last_seen: when the profile was last updated; null if missing"),
    "properties": ("JSON", "every property, verbatim as Mixpanel sent it"),
}

# Computed in the views of events and of profiles, next to distinct_id.
PERSON_COLUMN = {
    "person": ("VARCHAR", "the id of the person that distinct_id is one of; null: nobody"),
}

IDENTITY_COLUMNS = {
    "distinct_id": ("VARCHAR", "an id that was merged into another"),
    "person": ("VARCHAR", "the id of the person that it is one of"),
    "since": ("TIMESTAMPTZ", "when an event first linked it"),
    "kind": ("VARCHAR", "by what: device, identify, alias, merge, or resolved by Mixpanel"),
}

CURRENT_COLUMNS = {
    **PROFILE_COLUMNS,
    "snapshot_date": ("DATE", "the day of the newest snapshot, the same in every row"),
}

HISTORY_COLUMNS = {
    **PROFILE_COLUMNS,
    "valid_from": ("DATE", "the first snapshot that has the profile like this"),
    "valid_to": ("DATE", "the first snapshot that no longer has it; null: it is current"),
}

LANDED_COLUMNS = {
    "dataset": ("VARCHAR", "events, profiles, or the name of a fetched table"),
    "day": ("DATE", "the day that was replaced as a whole"),
    "rows": ("BIGINT", "rows of that day in the table"),
    "duplicates": ("BIGINT", "rows left out, since a newer one has the same key"),
    "bytes": ("BIGINT", "of JSON, uncompressed"),
    "file": ("VARCHAR", "the landed file"),
    "exported_at": ("TIMESTAMPTZ", "when Mixpanel was asked: what came in later is not here"),
    "loaded_at": ("TIMESTAMPTZ", "when it was put into the table"),
    "filters": ("JSON", "what the rows were filtered by; null for all"),
    "checksum": ("VARCHAR", "SHA-256 of the landed file"),
    "partial": ("BOOLEAN", "the day was not over when it was exported"),
    "repaired": ("BIGINT", "rows whose text was not Unicode: U+FFFD stands for what was not"),
}

EVENT_PROPERTY_COLUMNS = {
    "event_name": ("VARCHAR", "the event"),
    "property": ("VARCHAR", "its property, as Mixpanel names it"),
    "column_name": ("VARCHAR", "the column of the property"),
    "type": ("VARCHAR", "the type of that column"),
    "events": ("BIGINT", "number of events that have the property"),
    "first_day": ("DATE", "first landed day with the property"),
    "last_day": ("DATE", "last landed day with the property"),
    "example": ("VARCHAR", "one of its values, at most 100 characters"),
    "physical": ("BOOLEAN", "the column is stored; false: it is read from the JSON"),
    "by_event": ("VARCHAR", "the view of the event in the schema by_event"),
}

PROFILE_PROPERTY_COLUMNS = {
    "property": ("VARCHAR", "the property, as Mixpanel names it"),
    "column_name": ("VARCHAR", "the column of the property"),
    "type": ("VARCHAR", "the type of that column"),
    "profiles": ("BIGINT", "number of profiles in the newest snapshot that have the property"),
    "example": ("VARCHAR", "one of its values, at most 100 characters"),
    "physical": ("BOOLEAN", "the column is stored; false: it is read from the JSON"),
}


@dataclass(frozen=True)
class Layout:
    """A table with a column for each property: what it is filled from, what it always has."""

    dataset: str  # its name in the registry of properties and in `landed`
    table: str
    of_events: bool
    columns: Mapping[str, tuple[str, str]]
    base: Mapping[str, str]  # properties with a column of their own: wire name, column

    @property
    def keys(self) -> tuple[str, str]:
        """The two members of a line: whose or which record it is, and its properties."""
        return ("event", "properties") if self.of_events else ("$distinct_id", "$properties")


EVENTS = Layout("events", "events_wide", True, EVENT_COLUMNS, BASE_PROPERTIES)
PROFILES = Layout("profiles", "profiles_wide", False, HISTORY_COLUMNS, {"$last_seen": "last_seen"})

PROFILE_VIEWS = ("profile_history", "profiles")


def named_layout(name: str, *, of_events: bool) -> Layout:
    """The layout of a table that holds what was fetched under a name."""
    if of_events:
        return Layout(name, name, True, EVENT_COLUMNS, BASE_PROPERTIES)
    return Layout(name, name, False, PROFILE_COLUMNS, PROFILES.base)
