"""The Mixpanel project that a simulator plays, and what days and times mean in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Project:
    """A project with a service account, a legacy secret and an OAuth token.

    With a `timezone` it is a project created before 2023.
    """

    project_id: str = "12345"
    username: str = "demo.sim.mp-service-account"
    secret: str = "simulator-secret"  # noqa: S105  opens nothing real
    token: str = "simulator-token"  # noqa: S105  opens nothing real
    api_secret: str = "simulator-project-secret"  # noqa: S105  opens nothing real
    oauth_token: str = "simulator-oauth-token"  # noqa: S105  opens nothing real
    timezone: str | None = None
    # The only data view, which shows everything.
    workspace_id: str = "67890"

    def today(self, now: float) -> date:
        """Today's date in the project; `now` is in epoch seconds."""
        return day_of(int(now * 1000), self.timezone)


@dataclass(frozen=True)
class Plan:
    """What the organization's plan excludes, and how many days back its reports can go.

    `refused` has names of endpoints (`funnels`, `engage`, `annotations`...), or `query` or `app`
    for all of a host's; raw export is in every plan. https://mixpanel.com/pricing
    """

    refused: frozenset[str] = frozenset()
    history_days: int | None = None

    def refuses(self, *names: str) -> bool:
        """Whether the plan excludes any of the names."""
        return not self.refused.isdisjoint(names)


def start_of(day: date) -> int:
    """The epoch milliseconds of the day's first instant in UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def exported_ms(utc_ms: int, timezone: str | None) -> int:
    """The time as exported: a legacy project shifts it to its local wall clock.

    https://docs.mixpanel.com/docs/orgs-and-projects/managing-projects
    """
    return utc_ms if timezone is None else utc_ms + _offset_ms(utc_ms // 900_000, timezone)


def day_of(utc_ms: int, timezone: str | None) -> date:
    """The day that the export lists an instant under."""
    days = exported_ms(utc_ms, timezone) // DAY_MS
    return date(1970, 1, 1) + timedelta(days=days)


@lru_cache(maxsize=4096)
def _offset_ms(quarter: int, timezone: str) -> int:
    # Zones change their offset on quarter hours only, so one lookup serves fifteen minutes.
    moment = datetime.fromtimestamp(quarter * 900, ZoneInfo(timezone))
    return int((moment.utcoffset() or timedelta()).total_seconds() * 1000)
