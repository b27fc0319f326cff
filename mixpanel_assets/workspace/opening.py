"""Opening a workspace: its account, its API client and its warehouse."""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mixpanel_assets.access import Access, look_up
from mixpanel_assets.errors import ConfigError, DateRangeError, MixpanelDataError, no_warehouse
from mixpanel_assets.notes import Progress, note
from mixpanel_assets.settings import Settings, local_path, parse_day

if TYPE_CHECKING:
    import duckdb

    from mixpanel_assets.mixpanel.client import Client

MEMORY = Path(":memory:")


class Opening:
    """The account and the warehouse of a workspace, opened on first use."""

    def __init__(
        self,
        account: str | None = None,
        *,
        path: str | Path | None = None,
        read_only: bool = False,
        wait: bool = True,
        timeout: float | None = None,
        note: Callable[[str], None] = lambda message: None,
        progress: Progress | None = None,
        dagster_log: bool = False,
    ) -> None:
        """The account's project and its warehouse, or the DuckDB file at `path`.

        The default account is the one that `mp` would use now; later changes of the environment
        have no effect. `wait=False` raises instead of waiting for rate limits; `timeout` is the
        maximum seconds of a warehouse query; `note` is called with each wait and retry, `progress`
        as data arrives; `dagster_log` shows the log of runs on stderr. Nothing is opened yet.
        """
        self._account = account
        self._path = local_path(str(path), "path") if path is not None else None
        self._read_only = read_only
        self._wait = wait
        self._timeout = timeout
        self._note = note
        self._progress = progress or Progress()
        self._dagster_log = dagster_log
        self._lock = threading.RLock()
        self._open = ExitStack()
        self._api: Client | None = None
        self._held: duckdb.DuckDBPyConnection | None = None
        self._closed = False
        self._found: Access | None = None
        with suppress(MixpanelDataError):  # raised again on first use
            self._found = look_up(account)

    @classmethod
    def open(cls, path: str | Path, *, read_only: bool = True) -> Self:
        """The DuckDB file at `path`, read-only by default; queries need no credentials."""
        return cls(path=path, read_only=read_only)

    @classmethod
    def ephemeral(cls, account: str | None = None) -> Self:
        """A warehouse in a temporary file, deleted when the workspace is closed or collected."""
        folder = Path(tempfile.mkdtemp(prefix="mixpanel-assets-"))
        made = cls(account, path=folder / "mixpanel.duckdb")
        made._open.callback(weakref.finalize(made, shutil.rmtree, folder, ignore_errors=True))
        return made

    @classmethod
    def memory(cls, account: str | None = None) -> Self:
        """A warehouse in memory, until the workspace is closed."""
        made = cls(account)
        made._path = MEMORY
        return made

    @property
    def settings(self) -> Settings:
        """The settings of the environment and the account when the workspace was created."""
        return self._access.settings

    @property
    def project_id(self) -> str | None:
        """The project; None if neither the account nor the environment names one."""
        return self._access.project_or_none

    @property
    def db_path(self) -> Path | None:
        """The DuckDB file; None for one in memory."""
        if self._path == MEMORY:
            return None
        return self._path or self._access.warehouse

    @property
    def api(self) -> Client:
        """The API client, for requests that have no method here: `ws.api.ask(...)`.

        Raises ConfigError without credentials.
        """
        with self._lock:
            self._check_open()
            if self._api is None:
                self._api = self._open.enter_context(self._client())
            return self._api

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The warehouse, open until the workspace is closed, while other processes have to wait.

        Every other method opens it only while it works. Raises DatabaseLockedError, and
        DatabaseNotFoundError if it is missing in a read-only workspace.
        """
        with self._lock:
            self._check_open()
            if self._held is None:
                self._held = self._open.enter_context(self._opened(read_only=self._read_only))
            return self._held

    def close(self) -> None:
        """Close the client and the warehouse; closing again does nothing."""
        with self._lock:
            self._closed, self._api, self._held = True, None, None
            self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = f"path={str(self._path)!r}" if self._path else f"account={self._account!r}"
        return f"{type(self).__name__}({where})"

    def days(self, first: date | str, last: date | str | None = None) -> tuple[date, date]:
        """The range of days, both included; a last day after today becomes today, with a note.

        Raises DateRangeError if the range is empty or begins before the project's first day.
        """
        today, settings = self.settings.today(), self.settings
        start, end = parse_day(first, today), parse_day(last or today, today)
        if start > min(end, today):
            raise DateRangeError(
                f"{start} to {end} is not a range of days up to today ({today})",
                hint="the first day must not be after the last, nor after today",
            )
        if start < settings.earliest_day:
            raise DateRangeError(
                f"{start} is before the project's first day, {settings.earliest_day}",
                hint="set MP_START_DATE (Mixpanel has no days before 2000-01-01)",
            )
        if end > today:
            note(f"{end} is after the project's today: landing up to {today}")
        return start, min(end, today)

    @property
    def _access(self) -> Access:
        """Settings, project and account, looked up once."""
        with self._lock:
            if self._found is None:
                self._found = look_up(self._account)
            return self._found

    def _with_credentials(self) -> Access:
        with self._lock:
            self._found = self._access.with_credentials()
            return self._found

    @contextmanager
    def _client(self) -> Iterator[Client]:
        from mixpanel_assets.known import LOCK_WAIT, tell_names
        from mixpanel_assets.mixpanel.client import Client

        access = self._with_credentials()
        settings, credentials = access.settings, access.credentials
        with Client.open(settings, credentials, wait=self._wait, note=self._note) as client:
            tell_names(client, settings, lambda: self._reading(wait=LOCK_WAIT))
            yield client

    def _reading(
        self, wait: float | None = None
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return self._cursor() if self._is_held() else self._opened(read_only=True, wait=wait)

    def _writing(
        self, wait: float | None = None
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        self._check_writable()
        return self._cursor() if self._is_held() else self._opened(read_only=False, wait=wait)

    def _is_held(self) -> bool:
        with self._lock:
            self._check_open()
            if self._path == MEMORY:
                _ = self.connection
            return self._held is not None

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        # Each thread needs its own connection; a cursor is another one to the same open file.
        with self.connection.cursor() as cursor:
            yield cursor

    def _opened(
        self, *, read_only: bool, wait: float | None = None
    ) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        self._check_open()
        path, settings = self.db_path, self.settings
        if read_only and path and not path.exists():  # before DuckDB is loaded
            raise no_warehouse(path)
        from mixpanel_assets.warehouse.connection import READER_WAIT, WRITER_WAIT, reading, writing

        path, memory, threads = path or MEMORY, settings.memory_limit, settings.threads
        if not read_only:
            patience = wait or WRITER_WAIT
            return writing(
                path, memory_limit=memory, threads=threads, note=self._note, wait=patience
            )
        patience, timeout = wait or READER_WAIT, self._timeout
        return reading(path, memory_limit=memory, threads=threads, timeout=timeout, wait=patience)

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise ConfigError("this workspace is read-only", hint="open it with read_only=False")

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigError("this workspace is closed", hint="create another one")
