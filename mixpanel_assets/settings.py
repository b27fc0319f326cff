"""Where things live and how days are counted, as the environment says."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from mixpanel_assets.errors import ConfigError, DateRangeError

# Mixpanel refuses years before 2000 ("invalid date, bad year").
EARLIEST_DAY = date(2000, 1, 1)
SHARE_OF_A_PART = 0.27  # of the memory limit: staged, a part takes twice its size
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f.]*:[0-9a-f:.]*")  # a name as DNS has it, or an address
# What DuckDB and others can open, and is no file here.
ADDRESS = re.compile(
    r"(?i)((?:md|motherduck|ducklake|postgres|postgresql|mysql|sqlite|duckdb|file)(?=:)"
    r"|[a-z][a-z0-9+.-]+(?=://))"
)


@dataclass(frozen=True)
class Settings:
    """What `mp` and Dagster share; paths are absolute."""

    home: Path
    warehouse: Path | None = None  # None: below the home, by project
    project_timezone: str | None = None  # None: the project counts days in UTC
    base_url: str | None = None  # None: Mixpanel's own hosts
    start_day: date = EARLIEST_DAY
    owners: str = "team:data"  # of the assets in Dagster: addresses or team:name, with commas
    reland_days: int = 7  # before today, that the daily schedule lands again
    saved_reports: tuple[int, ...] = ()  # ids of bookmarks whose numbers are landed
    keep_landed: bool = True
    memory_limit: str = "1GB"
    threads: int | None = None  # None: every core
    max_property_columns: int = 256
    max_answer_mb: int = 128  # of one answer in JSON
    max_export_gb: int = 64  # of one export, uncompressed
    longest_part: int = 256 * 1024 * 1024  # of JSON, that DuckDB stages and sorts at once

    @classmethod
    def from_env(cls) -> Settings:
        """The settings of this process' environment; ConfigError names the variable at fault."""
        env = {name: value for name, value in os.environ.items() if value.strip()}
        warehouse = env.get("MP_WAREHOUSE")
        return cls(
            home=local_path(env.get("MP_HOME", "~/.mp"), "MP_HOME"),
            warehouse=_warehouse(warehouse) if warehouse else None,
            project_timezone=time_zone(
                env.get("MP_PROJECT_TIMEZONE"), source="MP_PROJECT_TIMEZONE"
            ),
            base_url=_origin(env["MP_BASE_URL"]) if "MP_BASE_URL" in env else None,
            start_day=_start_day(env.get("MP_START_DATE")),
            owners=_owners(env.get("MP_OWNERS", "team:data")),
            reland_days=_positive("MP_RELAND_DAYS", env.get("MP_RELAND_DAYS", "7")),
            saved_reports=_ids("MP_SAVED_REPORTS", env.get("MP_SAVED_REPORTS", "")),
            keep_landed=_flag("MP_KEEP_LANDED", env.get("MP_KEEP_LANDED", "true")),
            memory_limit=env.get("MP_MEMORY_LIMIT", "1GB"),
            threads=_positive("MP_THREADS", env["MP_THREADS"]) if "MP_THREADS" in env else None,
            max_property_columns=_positive(
                "MP_MAX_PROPERTY_COLUMNS", env.get("MP_MAX_PROPERTY_COLUMNS", "256")
            ),
            max_answer_mb=_positive("MP_MAX_ANSWER_MB", env.get("MP_MAX_ANSWER_MB", "128")),
            max_export_gb=_positive("MP_MAX_EXPORT_GB", env.get("MP_MAX_EXPORT_GB", "64")),
        )

    @property
    def memory_bytes(self) -> int | None:
        """DuckDB's memory limit; None for one that is not a number of bytes, such as 80%."""
        found = re.fullmatch(r"(\d+\.?\d*) *([kmgt]?)(i?)b?", self.memory_limit.strip().lower())
        if not found:
            return None
        return int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))

    @property
    def part_bytes(self) -> int:
        """How much JSON is loaded at once: with little memory, less."""
        return min(self.longest_part, int((self.memory_bytes or 10**9) * SHARE_OF_A_PART))

    @property
    def zone(self) -> tzinfo:
        """The zone in which the project counts its days."""
        return ZoneInfo(self.project_timezone) if self.project_timezone else UTC

    @property
    def config_path(self) -> Path:
        """The file that holds the accounts."""
        named = os.environ.get("MP_CONFIG_PATH")
        return local_path(named, "MP_CONFIG_PATH") if named else self.home / "config.toml"

    def warehouse_path(self, project_id: str) -> Path:
        """The DuckDB file of a project. ConfigError if DuckDB could not keep it there."""
        return self.warehouse or _kept_by_duckdb(
            self.home / "data" / project_id / "mixpanel.duckdb", "MP_HOME"
        )

    def landed_folder(self, project_id: str) -> Path:
        """Where the verified files of a project are kept."""
        return self.home / "landed" / project_id

    def today(self, now: datetime | None = None) -> date:
        """The project's current day."""
        return (now or datetime.now(UTC)).astimezone(self.zone).date()


def parse_day(text: str, today: date) -> date:
    """`2024-01-31`, `today`, `yesterday` or `7d` (seven days ago) as a day."""
    word = text.strip().lower()
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    try:
        if word.endswith("d") and word[:-1].isdigit():
            return today - timedelta(days=int(word[:-1]))
        if len(word) == 10:
            return date.fromisoformat(word)
    except (ValueError, OverflowError):
        pass
    raise DateRangeError(
        f"{text!r} is not a day",
        hint="write YYYY-MM-DD, today, yesterday or 7d (seven days ago)",
        value=text,
    )


def time_zone(name: str | None, *, source: str) -> str | None:
    """The IANA name, None for UTC; ConfigError names the source if there is no such zone."""
    if name is None or name.upper() == "UTC":
        return None
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(
            f"{source}={name} is not a time zone",
            hint="use an IANA name, such as America/Los_Angeles",
        ) from None
    return name


def local_path(text: str, source: str, *, below: Path | None = None) -> Path:
    """The absolute path that a setting names, from the current folder or the one given.

    ConfigError for an address, of which only the kind is told: it may hold a password.
    """
    if address := ADDRESS.match(text):
        raise ConfigError(
            f"{source} is an address ({address[1]}:...), and only a path is supported so far",
            hint=f"set {source} to a path, such as ~/mixpanel",
        )
    return (below or Path.cwd()) / Path(text).expanduser()


def make_private_folder(folder: Path) -> Path:
    """The folder exists; ConfigError if it can't be made or written.

    What had to be made of its path is for this user alone; what was there stays as it is.
    """
    try:
        for parent in reversed(folder.parents):
            parent.mkdir(exist_ok=True, mode=0o700)  # parents=True would make them as umask says
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"{folder} can't be created: {error.strerror}",
            hint="set MP_HOME (and MP_WAREHOUSE, if set) to a place that you can write",
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"{folder} can't be written",
            hint="set MP_HOME (and MP_WAREHOUSE, if set) to a place that you can write",
        )
    return folder


def _warehouse(text: str) -> Path:
    return _kept_by_duckdb(local_path(text, "MP_WAREHOUSE"), "MP_WAREHOUSE")


def _kept_by_duckdb(path: Path, source: str) -> Path:
    # It puts .wal before the first ?, wherever that is, and from 2.0 on takes \\ for /. It follows
    # links, too, so none helps.
    if set(str(path.parent)) & {"?", "\\"} - {os.sep}:
        raise ConfigError(
            f"{source}: DuckDB can't keep a file in {path.parent}, whose name has a ? or \\",
            hint="set MP_WAREHOUSE to a file in another folder, or move MP_HOME",
        )
    return path


def _origin(url: str) -> str:
    """Scheme, host and port; nothing of the address is told, since it may hold a password."""
    hint = "write an origin such as https://proxy.example.com, or http://127.0.0.1:8080"
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:  # its words may hold a part of the password
        raise ConfigError("MP_BASE_URL is not a web address", hint=hint) from None
    if parts.scheme not in ("http", "https") or not HOST.fullmatch(parts.hostname or ""):
        raise ConfigError("MP_BASE_URL is not a web address", hint=hint)
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ConfigError("MP_BASE_URL has more than scheme, host and port", hint=hint)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(
            f"MP_BASE_URL is http://{parts.netloc}, and plain http is for this machine only",
            hint="use https, since credentials travel with every request",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _start_day(text: str | None) -> date:
    try:
        day = date.fromisoformat(text) if text else EARLIEST_DAY
    except ValueError:
        raise ConfigError(f"MP_START_DATE={text} is not a day", hint="YYYY-MM-DD") from None
    return max(day, EARLIEST_DAY)


def _owners(text: str) -> str:
    for owner in text.split(","):
        if not re.fullmatch(r"team:[\w-]+|[^@\s]+@[\w.-]+\.\w+", owner.strip()):
            raise ConfigError(
                f"MP_OWNERS: {owner.strip()!r} is no owner",
                hint="write e-mail addresses, or teams as team:name, with commas between them",
            )
    return text


def _ids(name: str, text: str) -> tuple[int, ...]:
    """Each id once, in the order given."""
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := [one for one in ids if not (one.isascii() and one.isdigit())]:
        raise ConfigError(
            f"{name}: {wrong[0]!r} is not the id of a saved report",
            hint="write ids with commas between them; they are in: mp inspect bookmarks",
        )
    return tuple(dict.fromkeys(map(int, ids)))


def _flag(name: str, text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ConfigError(f"{name}={text} is neither true nor false", hint="write true or false")


def _positive(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ConfigError(f"{name}={text} is not a positive number", hint="write a whole number")
    return int(text)
