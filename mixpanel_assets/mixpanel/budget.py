"""The API budget: a SQLite ledger of requests, shared by all processes of this machine."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from mixpanel_assets.errors import BudgetExhaustedError, ConfigError
from mixpanel_assets.settings import make_private_folder

HOUR = 3600.0
LONGEST_BLOCK = HOUR
COUNTDOWN_STEP = 30.0


@dataclass(frozen=True)
class Limit:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: float


# https://developer.mixpanel.com/reference/rate-limits: per project, for all its credentials
LIMITS: dict[str, tuple[Limit, ...]] = {
    "export": (Limit(60, HOUR), Limit(3, 1.0)),
    "query": (Limit(60, HOUR),),
    "lexicon": (Limit(5, 60.0),),
}


class Budget:
    """Counts the requests of one project, and waits or raises when they are used up."""

    def __init__(
        self, path: Path, project_id: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._project = project_id
        self._clock = clock

    def spend(
        self,
        kind: str,
        note: Callable[[str], None] = lambda message: None,
        sleep: Callable[[float], None] = time.sleep,
        longest_wait: float = HOUR,
    ) -> None:
        """Count one request of this kind, after waiting until the rolling limits allow it.

        Raises BudgetExhaustedError if that takes longer than `longest_wait` seconds.
        """
        while (wait := self._try_to_spend(kind)) > 0:
            if wait > longest_wait + 1:  # tolerate rounding of a full hour
                raise BudgetExhaustedError(
                    f"this project's {kind} requests are used up for another {wait:.0f} s",
                    hint="try again then, omit --no-wait, or see: mp limits",
                    kind=kind,
                    resets_in=round(wait),
                )
            if wait > 2:
                note(f"waiting for the {kind} budget: {_clocked(wait)} left")
            sleep(min(wait, COUNTDOWN_STEP))

    def give_back(self, kind: str) -> None:
        """Remove the newest request of this kind from the count, since Mixpanel refused it."""
        with self._ledger() as ledger:
            ledger.execute(
                "delete from requests where rowid = (select rowid from requests "
                "where project = ? and kind = ? order by at desc limit 1)",
                (self._project, kind),
            )

    def block(self, kind: str, seconds: object) -> None:
        """Block requests of this kind on this machine for the seconds of Retry-After."""
        if not isinstance(seconds, int | float) or seconds <= 0:
            return
        until = self._clock() + min(seconds, LONGEST_BLOCK)
        with self._ledger() as ledger:
            ledger.execute(
                "insert into blocks values (?, ?, ?) on conflict (project, kind) "
                "do update set until = excluded.until",
                (self._project, kind, until),
            )

    def left(self, kind: str) -> int:
        """How many requests of this kind the hour still allows."""
        now = self._clock()
        with self._ledger() as ledger:
            return max(0, LIMITS[kind][0].requests - self._used(ledger, kind, LIMITS[kind][0], now))

    def report(self) -> dict[str, dict[str, int]]:
        """Per kind: used, limit, window_seconds and resets_in (seconds until one is free)."""
        now = self._clock()
        with self._ledger() as ledger:
            return {
                kind: {
                    "used": self._used(ledger, kind, limits[0], now),
                    "limit": limits[0].requests,
                    "window_seconds": round(limits[0].seconds),
                    "resets_in": max(0, round(self._wait(ledger, kind, limits[:1], now))),
                }
                for kind, limits in LIMITS.items()
            }

    def _try_to_spend(self, kind: str) -> float:
        now = self._clock()
        with self._ledger() as ledger:
            # If the clock was set back, requests in the future count as sent now.
            ledger.execute("update requests set at = ? where at > ?", (now, now + 1))
            ledger.execute("delete from requests where at <= ?", (now - HOUR,))
            ledger.execute(
                "update blocks set until = ? where until > ?", (now, now + LONGEST_BLOCK)
            )
            wait = self._wait(ledger, kind, LIMITS[kind], now)
            if wait <= 0:
                ledger.execute("insert into requests values (?, ?, ?)", (self._project, kind, now))
            return wait

    def _wait(
        self, ledger: sqlite3.Connection, kind: str, limits: tuple[Limit, ...], now: float
    ) -> float:
        (blocked,) = ledger.execute(
            "select coalesce(max(until), 0) from blocks where project = ? and kind = ?",
            (self._project, kind),
        ).fetchone()
        waits = [blocked - now]
        for limit in limits:
            # The request that must leave the window before another one fits.
            row = ledger.execute(
                "select at from requests where project = ? and kind = ? and at > ? "
                "order by at desc limit 1 offset ?",
                (self._project, kind, now - limit.seconds, limit.requests - 1),
            ).fetchone()
            if row:
                waits.append(row[0] + limit.seconds - now + 0.001)
        return float(max(waits))

    def _used(self, ledger: sqlite3.Connection, kind: str, limit: Limit, now: float) -> int:
        (used,) = ledger.execute(
            "select count(*) from requests where project = ? and kind = ? and at > ?",
            (self._project, kind, now - limit.seconds),
        ).fetchone()
        return int(used)

    @contextmanager
    def _ledger(self) -> Iterator[sqlite3.Connection]:
        make_private_folder(self._path.parent)
        try:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
            with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as ledger:
                ledger.execute("begin immediate")
                ledger.execute("create table if not exists requests (project, kind, at real)")
                ledger.execute(
                    "create table if not exists blocks (project, kind, until real, "
                    "primary key (project, kind))"
                )
                yield ledger
                ledger.execute("commit")
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"the request ledger {self._path} can't be used: {error}",
                hint="make it writable, or remove it to reset the count",
            ) from error


def _clocked(seconds: float) -> str:
    """Seconds as 59:30."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
