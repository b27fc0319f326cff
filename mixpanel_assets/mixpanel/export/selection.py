"""Which events or profiles to export."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mixpanel_assets.errors import UsageError
from mixpanel_assets.naming import names_of
from mixpanel_assets.questions.expressions import condition

MOST_EVENTS = 100_000  # that a limit may be
MOST_IDS = 2000  # of one query
AHEAD = 60  # seconds that this machine's clock may be ahead of Mixpanel's


@dataclass(frozen=True)
class _Selection:
    def filters(self) -> dict[str, Any]:
        """The conditions by name: what the landed records were filtered by."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value is not None and value is not False and value != ""
        }


def _sent(fields: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class EventSelection(_Selection):
    """Events that meet all of these conditions; without any, every event.

    Raises UsageError for conditions that no event can meet.

    https://developer.mixpanel.com/reference/raw-event-export
    """

    events: str | Sequence[str] | None = None  # one name or several, as they stand
    where: str | None = None  # an expression
    limit: int | None = None  # at most this many; Mixpanel does not say which

    def __post_init__(self) -> None:
        if self.events is not None:
            object.__setattr__(self, "events", tuple(names_of(self.events, "events")))
            if not self.events:
                raise UsageError("no event is named", hint="name one, or leave the names out")
        if self.where is not None:
            condition(self.where)
        if self.limit is not None and not 1 <= self.limit <= MOST_EVENTS:
            raise UsageError(
                f"a limit of {self.limit} is not from 1 to {MOST_EVENTS:,}",
                hint="leave it out to get every event",
            )

    def fields(self) -> dict[str, str]:
        """The parameters of the export that it means."""
        fields = {"event": _json(self.events), "where": self.where or None, "limit": self.limit}
        return _sent(fields)


EVERY_EVENT = EventSelection()


@dataclass(frozen=True)
class ProfileSelection(_Selection):
    """Profiles that meet all of these conditions; without any, every user of the project.

    Raises UsageError for conditions that exclude or need each other.

    https://developer.mixpanel.com/reference/engage-query
    """

    where: str | None = None  # a selector expression
    cohort_id: int | None = None
    include_all_users: bool = False  # members of the cohort that have no profile, too
    distinct_ids: str | Sequence[str] | None = None
    data_group_id: str | None = None  # profiles of groups; a negative number more often than not
    behaviors: Sequence[Mapping[str, Any]] | None = None  # counts of events that `where` may use
    as_of_timestamp: int | None = None  # seconds since 1970, to which `behaviors` are counted
    output_properties: str | Sequence[str] | None = None  # None: all

    def __post_init__(self) -> None:
        if self.behaviors is not None and self.cohort_id is not None:
            raise UsageError(
                "profiles can't be chosen by behaviors and by a cohort at once",
                hint="leave one of them out",
            )
        if self.include_all_users and self.cohort_id is None:
            raise UsageError(
                "include_all_users is about the members of a cohort",
                hint="name the cohort, or leave it out",
            )
        if self.as_of_timestamp is not None and self.as_of_timestamp >= time.time():
            raise UsageError(
                f"as_of_timestamp {self.as_of_timestamp} is not in the past",
                hint="it is in seconds since 1970",
            )
        for name in ("distinct_ids", "output_properties"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(names_of(given, name)))

    def queries(self) -> Iterator[dict[str, str]]:
        """The form fields of each query that it takes: one, but for very many or no ids.

        What depends on the clock is fixed now, so that all pages of a query are of one moment.
        """
        fields = self._fields()
        if self.distinct_ids is None:
            yield fields
            return
        for start in range(0, len(self.distinct_ids), MOST_IDS):
            some = list(self.distinct_ids[start : start + MOST_IDS])
            yield {**fields, "distinct_ids": json.dumps(some)}

    def _fields(self) -> dict[str, str]:
        as_of = self.as_of_timestamp
        if as_of is None and self.behaviors is not None:
            as_of = int(time.time()) - AHEAD
        fields = {
            "where": self.where or None,
            "data_group_id": self.data_group_id,
            "behaviors": _json(self.behaviors),
            "as_of_timestamp": as_of,
            "output_properties": _json(self.output_properties),
        }
        if self.cohort_id is not None:
            fields["filter_by_cohort"] = json.dumps({"id": self.cohort_id})
            # Mixpanel's own default is true.
            fields["include_all_users"] = json.dumps(self.include_all_users)
        return _sent(fields)


def _json(values: Sequence[Any] | None) -> str | None:
    return None if values is None else json.dumps(list(values))
