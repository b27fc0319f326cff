"""Which profiles an engage query selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError
from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.query.behaviors import Behavior, behaviors_of
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.selectors import Selectors

_MOST_IDS = 2000


@dataclass(frozen=True)
class Selection:
    """The parameters that select profiles."""

    data_group_id: str | None = None
    distinct_ids: tuple[str, ...] | None = None
    where: str | None = None
    cohort: int | None = None
    include_all_users: bool = True
    behaviors: tuple[Behavior, ...] = ()
    as_of: int | None = None

    def distinct_ids_in(
        self, profiles: Mapping[str, bytes], cohorts: Sequence[Cohort], selectors: Selectors
    ) -> Sequence[str]:
        """The selected ids, in order; members of a cohort may have no profile."""
        listed: Mapping[str, bytes] = profiles
        if self.distinct_ids is not None:
            listed = {one: profiles[one] for one in self.distinct_ids if one in profiles}
        elif self.cohort is not None:
            members = self._cohort(cohorts).members(profiles, selectors.choose)
            kept = (one for one in members if self.include_all_users or one in profiles)
            listed = {one: profiles.get(one, b"") for one in kept}
        return list(selectors.choose(self.where, listed) if self.where else listed)

    def _cohort(self, cohorts: Sequence[Cohort]) -> Cohort:
        for cohort in cohorts:
            if cohort.id == self.cohort:
                return cohort
        raise BadRequestError(f"filter_by_cohort: there is no cohort {self.cohort}")


def selection_of(given: Parameters, now: float) -> Selection:
    """The selection in the parameters."""
    for one, other in (("distinct_id", "distinct_ids"), ("behaviors", "filter_by_cohort")):
        if given.text(one) and given.text(other):
            raise BadRequestError(f"{one} and {other} are mutually exclusive")
    as_of = given.whole("as_of_timestamp")
    if as_of is not None and as_of > now:
        raise BadRequestError("as_of_timestamp must not be in the future")
    return Selection(
        data_group_id=given.text("data_group_id"),
        distinct_ids=_distinct_ids(given),
        where=given.text("where"),
        cohort=_cohort_id(given.structure("filter_by_cohort", dict)),
        include_all_users=given.flag("include_all_users", default=True),
        behaviors=behaviors_of(given.structure("behaviors", list) or []),
        as_of=as_of,
    )


def _distinct_ids(given: Parameters) -> tuple[str, ...] | None:
    if one := given.text("distinct_id"):
        return (one,)
    several = given.structure("distinct_ids", list)
    if several is None:
        return None
    if len(several) > _MOST_IDS:
        raise BadRequestError(f"distinct_ids must be at most {_MOST_IDS}")
    return tuple(dict.fromkeys(map(str, several)))


def _cohort_id(given: dict[str, Any] | None) -> int | None:
    if given is None:
        return None
    if not str(given.get("id")).isdecimal():
        raise BadRequestError('filter_by_cohort must be like {"id": 12345}')
    return int(given["id"])
