"""What is set up right and what is not, with the remedy for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from mixpanel_assets.accounts import Account, find_account, find_project, with_time_zone
from mixpanel_assets.errors import (
    AuthenticationError,
    BudgetExhaustedError,
    MixpanelDataError,
    PlanRequiredError,
    RateLimitError,
    without_secrets,
)
from mixpanel_assets.mixpanel.probe import ask_for_access
from mixpanel_assets.settings import Settings, make_private_folder
from mixpanel_assets.warehouse.days import arrival_lags
from mixpanel_assets.warehouse.read import status

# Live events reach Mixpanel seconds after they happen; zones differ by quarters of an hour.
QUARTER = timedelta(minutes=15)

# Of the zones that fit, those of most people are named first.
COMMON_ZONES = (
    "America/Los_Angeles",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Europe/Moscow",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
)


@dataclass(frozen=True)
class Check:
    """One thing looked at: `ok`, what was found, and what to do if it is not ok."""

    check: str
    ok: bool
    detail: str
    hint: str | None = None

    def to_dict(self) -> dict[str, object]:
        """check, ok, detail, hint."""
        detail = without_secrets(self.detail)  # a path may be an address, with a token in it
        return {"check": self.check, "ok": self.ok, "detail": detail, "hint": self.hint}


def examine(
    settings: Settings, account: str | None = None, *, offline: bool = False
) -> list[Check]:
    """Home, credentials, warehouse and time zone; Mixpanel is asked once, unless offline."""
    return [
        _checked("home", lambda: str(make_private_folder(settings.home))),
        _credentials(settings, account, offline=offline),
        _checked("warehouse", lambda: _warehouse(settings, account)),
        _time_zone(settings, account),
    ]


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except MixpanelDataError as error:
        return Check(name, False, error.message, error.hint)


def _credentials(settings: Settings, account: str | None, *, offline: bool) -> Check:
    """What they are, and what Mixpanel says to them: they are right only if it lets them in."""
    check = "credentials"
    try:
        found = find_account(settings, account)
    except MixpanelDataError as error:
        return Check(check, False, error.message, error.hint)
    known = found.credentials
    who = known.username or known.kind.replace("_", " ")
    where = f"account {found.name!r} of {found.path}" if found.path else "the environment"
    warning = f"; {known.warning}" if known.warning else ""
    said = f"{who} for project {known.project_id} in {known.region}, from {where}{warning}"
    if offline:
        return Check(check, True, f"{said}; Mixpanel was not asked", "to ask it: mp auth test")
    return _asked(settings, found, said)


def _asked(settings: Settings, found: Account, said: str) -> Check:
    check, refused = "credentials", (AuthenticationError, PlanRequiredError)
    try:
        ask_for_access(settings, found, lambda message: None)
    except (BudgetExhaustedError, RateLimitError) as error:  # nothing is wrong, and none is known
        detail = f"{said}; Mixpanel was not asked, or did not say: {error.message}"
        return Check(check, True, detail, "ask it later: mp auth test")
    except refused as error:
        return Check(check, False, f"{said}; Mixpanel refuses them: {error.message}", error.hint)
    except MixpanelDataError as error:
        detail = f"{said}; whether Mixpanel lets them in is not known: {error.message}"
        hint = f"{error.hint or 'try again'}; without the network: mp doctor --offline"
        return Check(check, False, detail, hint)
    return Check(check, True, f"{said}; Mixpanel lets them in")


def _warehouse(settings: Settings, account: str | None) -> str:
    path = settings.warehouse or settings.warehouse_path(find_project(settings, account))
    if not path.exists():
        return f"{path}: nothing is landed yet"
    days = sum(row["days"] for row in status(path, settings))
    return f"{path}: {days} landed days"


def _time_zone(settings: Settings, account: str | None) -> Check:
    try:
        settings = with_time_zone(settings, account)
        path = settings.warehouse or settings.warehouse_path(find_project(settings, account))
        lags = arrival_lags(path, settings)
    except MixpanelDataError as error:
        return Check("time_zone", False, error.message, error.hint)
    zone = settings.project_timezone or "UTC"
    if not lags:
        return Check("time_zone", True, f"{zone}; no live events are landed that could tell")
    quarters = {day: round(timedelta(milliseconds=lag) / QUARTER) for day, lag in lags.items()}
    if not any(quarters.values()):
        return Check("time_zone", True, f"{zone} fits {len(lags)} landed days")
    return _wrong_zone(settings, zone, quarters)


def _wrong_zone(settings: Settings, zone: str, quarters: Mapping[date, int]) -> Check:
    off = sum(1 for lag in quarters.values() if lag)
    detail = f"on {off} of {len(quarters)} landed days events arrive in another zone than {zone}"
    # What the export calls 10:00 is 10:00 there: the lag is what the zone is behind UTC.
    offsets = {
        day: _offset(settings.project_timezone, day) - lag * QUARTER
        for day, lag in quarters.items()
    }
    fitting = fitting_zones(offsets)
    if not fitting:
        return Check(
            "time_zone", False, f"{detail}; no zone fits all of them", "did the zone change once?"
        )
    best = fitting[0]
    names = ", ".join(fitting[:5])
    hint = "unset MP_PROJECT_TIMEZONE" if best == "UTC" else f"set MP_PROJECT_TIMEZONE={best}"
    return Check(
        "time_zone", False, f"{detail}; {names} would fit", f"{hint}, then: mp rebuild events"
    )


def fitting_zones(offsets: Mapping[date, timedelta]) -> list[str]:
    """The zones that have these offsets from UTC at noon of these days, the commonest first."""
    if not any(offsets.values()):
        return ["UTC"]
    named = [name for name in available_timezones() if "/" in name and not name.startswith("Etc/")]
    fitting = [
        name
        for name in named
        if all(_offset(name, day) == offset for day, offset in offsets.items())
    ]
    return sorted(fitting, key=lambda name: (name not in COMMON_ZONES, name))


def _offset(zone: str | None, day: date) -> timedelta:
    noon = datetime.combine(day, time(12), ZoneInfo(zone) if zone else UTC)
    return noon.utcoffset() or timedelta()
