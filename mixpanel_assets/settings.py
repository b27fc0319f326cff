"""Settings from environment variables: paths, time zone, limits."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from mixpanel_assets.errors import ConfigError, DateRangeError

# Mixpanel refuses years before 2000 ("invalid date, bad year").
EARLIEST_DAY = date(2000, 1, 1)
SHARE_OF_A_PART = 0.27  # of the memory limit: a staged part takes twice its size
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f.]*:[0-9a-f:.]*")  # a DNS name or an IP address
WRITTEN = re.compile(r"[!-~]*")  # what may be sent of a URL: no spaces, no controls, ASCII
FOLDER_HINT = "set MP_HOME (and MP_WAREHOUSE, if set) to a writable folder"
T = TypeVar("T")
# URLs and connection strings that DuckDB can open, but that are not local files.
DAY = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
ADDRESS = re.compile(
    r"(?i)((?:md|motherduck|ducklake|postgres|postgresql|mysql|sqlite|duckdb|file)(?=:)"
    r"|[a-z][a-z0-9+.-]+(?=://))"
)


@dataclass(frozen=True)
class Settings:
    """Settings shared by `mp` and Dagster; paths are absolute."""

    home: Path
    warehouse: Path | None = None  # None: below the home, one per project
    project_timezone: str | None = None  # None: the project's days are UTC days
    base_url: str | None = None  # None: Mixpanel's own hosts
    start_day: date | None = None  # None: the first day landed or asked for
    owners: str = "team:data"  # of the Dagster assets: comma-separated e-mails or team:name
    reland_days: int = 7  # days before today that the daily schedule lands again
    saved_reports: tuple[int, ...] = ()  # ids of the bookmarks to land
    marts: Path | None = None  # the file that declares marts; None: beside that of the accounts
    keep_landed: bool = True
    memory_limit: str = "1GB"
    threads: int | None = None  # None: every core
    max_property_columns: int = 256
    max_answer_mb: int = 128  # size of one JSON answer
    max_export_gb: int = 64  # uncompressed size of one export
    ui_url: str | None = None  # of the Dagster UI, as people open it
    longest_part: int = 256 * 1024 * 1024  # bytes of JSON that DuckDB stages and sorts at once

    @classmethod
    def from_env(cls) -> Settings:
        """The settings of the environment. ConfigError names the variable at fault."""

        def given(name: str, read: Callable[[str, str], T], default: T) -> T:
            text = os.environ.get(name, "")
            return read(name, text) if text.strip() else default

        return cls(
            home=given("MP_HOME", _path, None) or local_path("~/.mp", "MP_HOME"),
            warehouse=given("MP_WAREHOUSE", _warehouse, None),
            project_timezone=given("MP_PROJECT_TIMEZONE", time_zone, None),
            base_url=given("MP_BASE_URL", _origin, None),
            start_day=given("MP_START_DATE", _start_day, None),
            owners=given("MP_OWNERS", _owners, cls.owners),
            reland_days=given("MP_RELAND_DAYS", _positive, cls.reland_days),
            saved_reports=given("MP_SAVED_REPORTS", _ids, cls.saved_reports),
            marts=given("MP_MARTS", _path, None),
            keep_landed=given("MP_KEEP_LANDED", _flag, cls.keep_landed),
            memory_limit=given("MP_MEMORY_LIMIT", lambda _, text: text, cls.memory_limit),
            threads=given("MP_THREADS", _positive, None),
            max_property_columns=given(
                "MP_MAX_PROPERTY_COLUMNS", _positive, cls.max_property_columns
            ),
            max_answer_mb=given("MP_MAX_ANSWER_MB", _positive, cls.max_answer_mb),
            max_export_gb=given("MP_MAX_EXPORT_GB", _positive, cls.max_export_gb),
            ui_url=given("MP_UI_URL", _shown_address, None),
        )

    @property
    def memory_bytes(self) -> int | None:
        """DuckDB's memory limit in bytes; None if it is not a size, such as 80%."""
        found = re.fullmatch(r"(\d+\.?\d*) *([kmgt]?)(i?)b?", self.memory_limit.strip().lower())
        if not found:
            return None
        return int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2] or " "))

    @property
    def part_bytes(self) -> int:
        """How many bytes of JSON are loaded at once; less with a small memory limit."""
        return min(self.longest_part, int((self.memory_bytes or 10**9) * SHARE_OF_A_PART))

    @property
    def earliest_day(self) -> date:
        """The first day that can be landed."""
        return self.start_day or EARLIEST_DAY

    @property
    def zone(self) -> tzinfo:
        """The project's time zone."""
        return ZoneInfo(self.project_timezone) if self.project_timezone else UTC

    @property
    def config_path(self) -> Path:
        """The file that holds the accounts."""
        named = os.environ.get("MP_CONFIG_PATH")
        return local_path(named, "MP_CONFIG_PATH") if named else self.home / "config.toml"

    @property
    def alert_webhook(self) -> str | None:
        """Where alerts are sent; None: nowhere. A secret: read it where it is used, keep it not."""
        url = os.environ.get("MP_ALERT_WEBHOOK", "").strip()
        return _webhook("MP_ALERT_WEBHOOK", url) if url else None

    def warehouse_path(self, project_id: str) -> Path:
        """The DuckDB file of a project. ConfigError for a path that DuckDB can't use."""
        return self.warehouse or _kept_by_duckdb(
            self.home / "data" / project_id / "mixpanel.duckdb", "MP_HOME"
        )

    def landed_folder(self, project_id: str) -> Path:
        """The folder of a project's verified export files."""
        return self.home / "landed" / project_id

    def today(self, now: datetime | None = None) -> date:
        """The project's current day."""
        return (now or datetime.now(UTC)).astimezone(self.zone).date()


def parse_day(given: date | str, today: date) -> date:
    """`2024-01-31`, `today`, `yesterday` or `7d` (seven days ago) as a day; a moment as its day.

    A month or day may have one digit."""
    if isinstance(given, date):
        return given.date() if isinstance(given, datetime) else given
    word = given.strip().lower()
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    try:
        if word.endswith("d") and word[:-1].isdigit():
            return today - timedelta(days=int(word[:-1]))
        if DAY.fullmatch(word):
            return date(*map(int, word.split("-")))
    except (ValueError, OverflowError):
        pass
    meant = " or ".join(days_meant(word))
    raise DateRangeError(
        f"{given!r} is not a day",
        hint=f"{f'write {meant}; days are' if meant else 'write'} YYYY-MM-DD, today, yesterday "
        "or 7d (seven days ago)",
        value=given,
    )


def days_meant(word: str) -> Iterator[str]:
    """The day that other ways to write one may mean: 01/05/2001, 20010105, 7days."""
    if ago := re.fullmatch(r"-?(\d+) ?(?:d|days?)(?: ago)?", word):
        yield f"{ago[1]}d"
    numbers = re.fullmatch(r"(\d{4})(\d\d)(\d\d)", word) or re.fullmatch(
        r"(\d+)[./-](\d+)[./-](\d+)", word
    )
    if not numbers:
        return
    one, two, three = map(int, numbers.groups())
    orders = [(one, two, three)] if one > 31 else [(three, one, two), (three, two, one)]
    for order in dict.fromkeys(orders):
        with suppress(ValueError):
            yield str(date(*order))


def time_zone(source: str, name: str | None) -> str | None:
    """The IANA name; None for UTC. ConfigError, naming the source, for an unknown zone."""
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
    """The absolute path of a setting, relative to the current folder or to `below`.

    ConfigError for a URL; the message has only its scheme, since it may hold a password.
    """
    if address := ADDRESS.match(text):
        raise ConfigError(
            f"{source} must be a local path; got a URL ({address[1]}:...)",
            hint=f"set {source} to a path, such as ~/mixpanel",
        )
    return (below or Path.cwd()) / Path(text).expanduser()


def make_private_folder(folder: Path) -> Path:
    """Create the folder and its missing parents with mode 0700; leave existing ones unchanged.

    ConfigError if it can't be created or written.
    """
    try:
        for parent in reversed(folder.parents):
            parent.mkdir(exist_ok=True, mode=0o700)  # parents=True would apply the umask
        folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        message = f"{folder} can't be created: {error.strerror}"
        raise ConfigError(message, hint=FOLDER_HINT) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder} can't be written", hint=FOLDER_HINT)
    return folder


def replace_file(path: Path, text: str) -> None:
    """Write the file atomically, with mode 0600, through `.<name>.*.part` beside it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor has no path
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _path(name: str, text: str) -> Path | None:
    return local_path(text, name)


def _warehouse(name: str, text: str) -> Path | None:
    return _kept_by_duckdb(local_path(text, name), name)


def _kept_by_duckdb(path: Path, source: str) -> Path:
    # DuckDB inserts .wal before the first ? of the path and, from 2.0 on, reads \\ as /. It
    # resolves links, so a link to the folder does not help.
    if set(str(path.parent)) & {"?", "\\"} - {os.sep}:
        raise ConfigError(
            f"{source}: DuckDB can't use a file in {path.parent}: the path has a ? or \\",
            hint="set MP_WAREHOUSE to a file in another folder, or move MP_HOME",
        )
    return path


def _origin(name: str, url: str) -> str | None:
    """Scheme, host and port, for requests that carry credentials."""
    hint = "write an origin such as https://proxy.example.com, or http://127.0.0.1:8080"
    parts = _private_address(name, url, hint)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigError(f"{name} has more than scheme, host and port", hint=hint)
    return f"{parts.scheme}://{parts.netloc}"


def _webhook(name: str, url: str) -> str:
    """The whole URL, which is a secret."""
    hint = "write the https URL that the service shows for its incoming webhook"
    return urlunsplit(_private_address(name, url, hint))


def _shown_address(name: str, url: str) -> str:
    """An address that may appear in messages, without a final slash."""
    hint = "write the address that people open, such as https://dagster.example.com"
    parts = _web_address(name, url, hint)
    if parts.query or parts.fragment:
        raise ConfigError(f"{name} has more than scheme, host, port and path", hint=hint)
    return urlunsplit(parts).rstrip("/")


def _private_address(name: str, url: str, hint: str) -> SplitResult:
    """The parts of an address that is encrypted, or on this machine."""
    parts = _web_address(name, url, hint)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ConfigError(
            f"{name} must be https unless it is on this machine",
            hint="use https: every request carries a secret",
        )
    return parts


def _web_address(name: str, url: str, hint: str) -> SplitResult:
    """The parts of a URL. Errors do not quote it, since it may hold a password."""
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:  # its message may hold a part of the password
        raise ConfigError(f"{name} is not a web address", hint=hint) from None
    if parts.scheme not in ("http", "https") or not HOST.fullmatch(parts.hostname or ""):
        raise ConfigError(f"{name} is not a web address", hint=hint)
    if "@" in parts.netloc:
        raise ConfigError(f"{name} has a user or a password", hint=hint)
    if not WRITTEN.fullmatch(parts.path + parts.query):
        raise ConfigError(f"{name} has characters that a URL can't have", hint=hint)
    return parts


def _start_day(name: str, text: str) -> date:
    try:
        return max(date.fromisoformat(text), EARLIEST_DAY)
    except ValueError:
        raise ConfigError(f"{name}={text} is not a date", hint="write YYYY-MM-DD") from None


def _owners(name: str, text: str) -> str:
    for owner in text.split(","):
        if not re.fullmatch(r"team:[\w-]+|[^@\s]+@[\w.-]+\.\w+", owner.strip()):
            raise ConfigError(
                f"{name}: {owner.strip()!r} is not an owner",
                hint="write e-mail addresses or team:name, separated by commas",
            )
    return text


def _ids(name: str, text: str) -> tuple[int, ...]:
    """Each id once, in the given order."""
    ids = [part.strip() for part in text.split(",") if part.strip()]
    if wrong := [one for one in ids if not (one.isascii() and one.isdigit())]:
        raise ConfigError(
            f"{name}: {wrong[0]!r} is not the id of a saved report",
            hint="write ids separated by commas; list them with: mp inspect bookmarks",
        )
    return tuple(dict.fromkeys(map(int, ids)))


def _flag(name: str, text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ConfigError(f"{name}={text} is not true or false", hint="write true or false")


def _positive(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        raise ConfigError(f"{name}={text} is not a positive number", hint="write a whole number")
    return int(text)
