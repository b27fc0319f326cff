"""Checks of the setup, each with what to do if it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from mixpanel_assets import errors
from mixpanel_assets.accounts import find_account, find_project, with_time_zone
from mixpanel_assets.mixpanel.probe import ask_for_access
from mixpanel_assets.settings import Settings, make_private_folder
from mixpanel_assets.warehouse.ask.coverage import status
from mixpanel_assets.warehouse.ask.days import arrival_lags

# Live events reach Mixpanel within seconds; time zones differ by multiples of this.
QUARTER = timedelta(minutes=15)

# Listed before other zones that fit.
COMMON_ZONES = {
    f"{area}/{city}"
    for area, cities in (
        ("America", "Los_Angeles New_York Chicago Denver Phoenix Sao_Paulo"),
        ("Europe", "London Berlin Athens Moscow"),
        ("Asia", "Dubai Kolkata Singapore Shanghai Tokyo"),
        ("Australia", "Sydney"),
        ("Pacific", "Auckland"),
    )
    for city in cities.split()
}


@dataclass(frozen=True)
class Check:
    """The result of one check: what was found, and what to do if it is not ok."""

    check: str
    ok: bool
    detail: str
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        """check, ok, detail, hint."""
        detail = errors.without_secrets(self.detail)  # a path may be a URL with a token in it
        return {"check": self.check, "ok": self.ok, "detail": detail, "hint": self.hint}


def examine(
    settings: Settings, account: str | None = None, *, offline: bool = False
) -> list[Check]:
    """Checks of home, credentials, warehouse and time zone; one request unless offline."""
    return [
        _checked("home", lambda: str(make_private_folder(settings.home))),
        _credentials(settings, account, offline=offline),
        _checked("warehouse", lambda: _warehouse(settings, account)),
        _time_zone(settings, account),
    ]


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except errors.MixpanelDataError as error:
        return Check(name, False, error.message, error.hint)


def _credentials(settings: Settings, account: str | None, *, offline: bool) -> Check:
    """Which credentials are used and from where; ok only if Mixpanel accepts them."""
    check = "credentials"
    try:
        found = find_account(settings, account)
    except errors.MixpanelDataError as error:
        return Check(check, False, error.message, error.hint)
    known = found.credentials
    user = known.username or known.kind.replace("_", " ")
    source = f"account {found.name!r} of {found.path}" if found.path else "the environment"
    warning = f"; {known.warning}" if known.warning else ""
    detail = f"{user} for project {known.project_id} in {known.region}, from {source}{warning}"
    if offline:
        return Check(check, True, f"{detail}; not tested", "test them with: mp auth test")
    try:
        ask_for_access(settings, found, lambda message: None)
    except (
        errors.BudgetExhaustedError,
        errors.RateLimitError,
    ) as error:  # not a fault of the setup
        detail = f"{detail}; not tested: {error.message}"
        return Check(check, True, detail, "test them later with: mp auth test")
    except (errors.AuthenticationError, errors.PlanRequiredError) as error:
        return Check(check, False, f"{detail}; not accepted: {error.message}", error.hint)
    except errors.MixpanelDataError as error:
        detail = f"{detail}; could not be tested: {error.message}"
        hint = f"{error.hint or 'try again'}; without the network: mp doctor --offline"
        return Check(check, False, detail, hint)
    return Check(check, True, f"{detail}; accepted by Mixpanel")


def _path(settings: Settings, account: str | None) -> Path:
    return settings.warehouse or settings.warehouse_path(find_project(settings, account))


def _warehouse(settings: Settings, account: str | None) -> str:
    path = _path(settings, account)
    if not path.exists():
        return f"{path}: nothing is landed yet"
    days = sum(row["days"] for row in status(path, settings))
    return f"{path}: {days} landed days"


def _time_zone(settings: Settings, account: str | None) -> Check:
    try:
        settings = with_time_zone(settings, account)
        lags = arrival_lags(_path(settings, account), settings)
    except errors.MixpanelDataError as error:
        return Check("time_zone", False, error.message, error.hint)
    zone = settings.project_timezone or "UTC"
    if not lags:
        return Check("time_zone", True, f"{zone}; no live events are landed to check it against")
    quarters = {day: round(timedelta(milliseconds=lag) / QUARTER) for day, lag in lags.items()}
    if not any(quarters.values()):
        return Check("time_zone", True, f"{zone} fits {len(lags)} landed days")
    detail, hint = _wrong_zone(settings, zone, quarters)
    return Check("time_zone", False, detail, hint)


def _wrong_zone(settings: Settings, zone: str, quarters: Mapping[date, int]) -> tuple[str, str]:
    """Detail and hint of the check."""
    off = sum(1 for lag in quarters.values() if lag)
    detail = f"events of {off} of {len(quarters)} landed days do not fit the time zone {zone}"
    # Exported times are local times, so the lag is how far the zone is behind UTC.
    offsets = {
        day: _offset(settings.project_timezone, day) - lag * QUARTER
        for day, lag in quarters.items()
    }
    fitting = fitting_zones(offsets)
    if not fitting:
        return f"{detail}; no zone fits all of them", "was the project's time zone changed?"
    setting = f"set MP_PROJECT_TIMEZONE={fitting[0]}"
    hint = "unset MP_PROJECT_TIMEZONE" if fitting[0] == "UTC" else setting
    return f"{detail}; {', '.join(fitting[:5])} would fit", f"{hint}, then: mp rebuild events"


def fitting_zones(offsets: Mapping[date, timedelta]) -> list[str]:
    """The zones with these UTC offsets at noon of these days, the most common zones first."""
    if not any(offsets.values()):
        return ["UTC"]
    named = [name for name in available_timezones() if "/" in name and not name.startswith("Etc/")]
    named.sort(key=lambda name: (name not in COMMON_ZONES, name))
    return [n for n in named if all(_offset(n, day) == off for day, off in offsets.items())]


def _offset(zone: str | None, day: date) -> timedelta:
    noon = datetime.combine(day, time(12), ZoneInfo(zone) if zone else UTC)
    return noon.utcoffset() or timedelta()
