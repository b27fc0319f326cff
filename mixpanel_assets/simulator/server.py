"""A local Mixpanel: one origin on loopback that answers for all of Mixpanel's hosts."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from mixpanel_assets.simulator.app.annotations import Annotations
from mixpanel_assets.simulator.app.bookmarks import Bookmarks
from mixpanel_assets.simulator.app.host import AppHost
from mixpanel_assets.simulator.app.lexicon import Lexicon
from mixpanel_assets.simulator.cohorts import Cohort
from mixpanel_assets.simulator.export.events import ExportApi
from mixpanel_assets.simulator.faults import PAGE_KINDS, QUERY_KINDS, STATUS_KINDS, FaultPlan
from mixpanel_assets.simulator.ingest.events import IngestApi
from mixpanel_assets.simulator.ingest.profiles import UpdateApi
from mixpanel_assets.simulator.limits import ExportLimiter, LexiconLimiter, QueryLimiter
from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.project import Plan, Project
from mixpanel_assets.simulator.query.cohorts import CohortsApi
from mixpanel_assets.simulator.query.engage import EngageApi, Paging
from mixpanel_assets.simulator.query.funnels import Funnels
from mixpanel_assets.simulator.query.host import QueryHost
from mixpanel_assets.simulator.query.reader import Reader
from mixpanel_assets.simulator.query.sessions import Sessions
from mixpanel_assets.simulator.requestlog import LogRequests, RequestLog, SeenRequest
from mixpanel_assets.simulator.routes import Apis, build_app
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.saved import saved_in

LOOPBACK = "127.0.0.1"
_START_SECONDS = 10
_SILENT = logging.CRITICAL + 1


class Simulator:
    """A local Mixpanel that runs for the length of a `with` block."""

    def __init__(
        self,
        store: Store | None = None,
        *,
        project: Project = Project(),  # noqa: B008  frozen, so safe to share
        faults: Sequence[str] = (),
        engage_faults: Sequence[str] = (),
        query_faults: Sequence[str] = (),
        app_faults: Sequence[str] = (),
        cohorts: Iterable[Cohort] | None = None,
        paging: Paging = Paging(),  # noqa: B008  frozen too
        limits: bool = False,
        plan_refuses: Iterable[str] = (),
        history_days: int | None = None,
        bare_frequency: bool = False,
        host: str = LOOPBACK,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        slow_seconds: float = 2.0,
        retry_after: int = 3600,
    ) -> None:
        if host != LOOPBACK:
            raise ValueError(f"the simulator binds to {LOOPBACK} only, not to {host!r}")
        self.project = project
        self.store = store or Store()
        self.store.timezone = project.timezone
        self._faults = FaultPlan(faults)
        self._log = RequestLog()
        self._port = port
        self._running: _Running | None = None
        self._engage_faults = FaultPlan(engage_faults, PAGE_KINDS)
        self._query_faults = FaultPlan(query_faults, QUERY_KINDS)
        self._app_faults = FaultPlan(app_faults, STATUS_KINDS)
        self._queries = QueryLimiter(project.project_id, clock, hourly=limits)
        world = self.store.world
        self.profiles = Profiles(world, lambda: self._today(clock()))
        self.cohorts = list(world.cohorts() if cohorts is None and world else cohorts or ())
        self._saved = saved_in(world)
        plan = Plan(frozenset(plan_refuses), history_days)
        limiter = ExportLimiter(project.project_id, clock) if limits else None
        query_host = QueryHost(
            project, self._queries, retry_after, plan, self._query_faults, slow_seconds
        )
        app = build_app(
            Apis(
                export=ExportApi(
                    self.store, project, self._faults, limiter, clock, slow_seconds, retry_after
                ),
                ingest=IngestApi(self.store, project, clock),
                updates=UpdateApi(self.profiles, project, clock),
                profiles=self.profiles,
                engage=self._engage(query_host, paging, clock, slow_seconds),
                cohorts=CohortsApi(self.cohorts, self.profiles, project, clock),
                reader=Reader(self.store, self.profiles, project, clock, plan),
                saved=self._saved,
                query_host=query_host,
                bare_frequency=bare_frequency,
                app_host=AppHost(
                    project,
                    plan,
                    LexiconLimiter(clock) if limits else None,
                    self._app_faults,
                    retry_after,
                ),
            )
        )
        self._app = LogRequests(app, self._log, clock)

    @property
    def url(self) -> str:
        """The origin to use in place of every Mixpanel host."""
        if self._running is None:
            raise RuntimeError("the simulator is not running: use `with Simulator() as sim:`")
        return f"http://{LOOPBACK}:{self._running.port}"

    @property
    def funnels(self) -> Funnels:
        """The saved funnels; a world comes with two."""
        return self._saved.funnels

    @property
    def bookmarks(self) -> Bookmarks:
        """The saved reports; a world comes with five."""
        return self._saved.bookmarks

    @property
    def lexicon(self) -> Lexicon:
        """What events and properties mean; a world's are described."""
        return self._saved.lexicon

    @property
    def annotations(self) -> Annotations:
        """The annotations; a world comes with two."""
        return self._saved.annotations

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests so far, oldest first."""
        return self._log.all()

    @property
    def concurrency_violations(self) -> int:
        """How many queries arrived while five others were running."""
        return self._queries.violations

    def fail(self, *faults: str) -> None:
        """Plan faults of the next exports, or clear them without arguments."""
        _plan(self._faults, faults)

    def fail_engage(self, *faults: str) -> None:
        """Plan faults of the next engage requests, or clear them without arguments."""
        _plan(self._engage_faults, faults)

    def fail_query(self, *faults: str) -> None:
        """Plan faults of the next queries except engage, or clear them without arguments."""
        _plan(self._query_faults, faults)

    def fail_app(self, *faults: str) -> None:
        """Plan faults of the next requests to the app API, or clear them without arguments."""
        _plan(self._app_faults, faults)

    def serve(self) -> None:
        """Answer requests until SIGINT or SIGTERM."""
        if self._running is None:
            with self:
                _wait_for_signal()
        else:
            _wait_for_signal()

    def __enter__(self) -> Self:
        if self._running is not None:
            raise RuntimeError("the simulator is already running")
        self._running = _Running(self._app, self._port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running is not None:
            self._running.stop()
            self._running = None
        self.store.close()

    def _engage(
        self, query_host: QueryHost, paging: Paging, clock: Callable[[], float], slow_seconds: float
    ) -> EngageApi:
        return EngageApi(
            self.profiles,
            self.store,
            self.cohorts,
            query_host,
            paging,
            Sessions(clock, paging.session_seconds, paging.session_pages),
            self._engage_faults,
            clock,
            slow_seconds,
        )

    def _today(self, now: float) -> date:
        today = self.project.today(now)
        return min(today, self.store.last_day) if self.store.last_day else today


def _plan(plan: FaultPlan, faults: Sequence[str]) -> None:
    if faults:
        plan.add(faults)
    else:
        plan.clear()


class _Server(uvicorn.Server):
    """uvicorn that stops sooner, and leaves no connection open."""

    async def main_loop(self) -> None:
        ticks = 0
        while not self.should_exit:
            if ticks % 10 == 0:
                await self.on_tick(ticks // 10)
            ticks += 1
            await asyncio.sleep(0.01)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if not self.server_state.connections and not self.server_state.tasks:
            # With no connection open there is no need for the tenth of a second that uvicorn waits.
            for server in self.servers:
                server.close()
            for listening in sockets or []:
                listening.close()
            return
        await super().shutdown(sockets)
        # A client that stopped reading mid-body would keep its transport open for good.
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        await asyncio.sleep(0)


class _Running:
    """A server in its own thread, which accepts connections once this exists."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((LOOPBACK, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                app,
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level=_SILENT,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the simulator did not start on port {self.port}")
            time.sleep(0.001)

    def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _wait_for_signal() -> None:
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(KeyboardInterrupt):
            stopped.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
