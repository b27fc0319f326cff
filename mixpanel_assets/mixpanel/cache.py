"""A disk cache of Mixpanel's answers, so that repeated requests do not use the API budget."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.mixpanel.client import HOSTS, Client, Content
from mixpanel_assets.notes import note
from mixpanel_assets.settings import Settings, make_private_folder, replace_file

if TYPE_CHECKING:
    from mixpanel_assets.mixpanel.names import Names

MAX_AGE = 3600.0  # seconds
FORGOTTEN = 86_400.0  # seconds after which a file is removed


class NotKnownError(LookupError):
    """The answer is not in the cache."""


class CachedAnswers:
    """A client whose answers are cached for `max_age` seconds; `refresh` ignores the cache.

    Files are in `cache/<project_id>/` of the home, readable by this user only. Each has the
    request, its time and the answer, but no credentials. Files that can't be read or written are
    ignored. With `known_only` nothing is requested; NotKnownError is raised instead.
    """

    def __init__(
        self,
        mixpanel: Client,
        settings: Settings,
        *,
        max_age: float = MAX_AGE,
        refresh: bool = False,
        known_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._mixpanel = mixpanel
        self._host = settings.base_url or HOSTS[mixpanel.credentials.region][1]
        self._folder = settings.home / "cache" / mixpanel.credentials.project_id
        self._max_age = max_age
        self._refresh = refresh
        self._known_only = known_only
        self._clock = clock
        self.age: float | None = None  # seconds; of the oldest answer from the cache

    @property
    def credentials(self) -> Credentials:
        """The client's credentials."""
        return self._mixpanel.credentials

    @property
    def names(self) -> Names | None:
        """The client's known names; None with `refresh`."""
        return None if self._refresh else self._mixpanel.names

    def landed_events(self) -> Collection[str]:
        """The names of landed events; none, with a note, while a load has locked the warehouse."""
        known = self._mixpanel.names
        found = known.landed.events(strict=True) if known else ()
        if found is None:
            note("a load is running: events that are only in the warehouse are left out")
        return found or ()

    def ask(self, method: str, path: str, **content: Unpack[Content]) -> Any:
        """The cached answer, else that of Client.ask."""
        parts = (content.get("params") or {}, content.get("form") or {}, content.get("body"))
        words = [self._host, method, path, *parts]
        question = json.loads(json.dumps(words, default=str, sort_keys=True))
        digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()[:32]
        file = self._folder / f"{digest}.json"
        known = None if self._refresh else self._read(file, question)
        if known is not None:
            self.age = max(self.age or 0.0, self._clock() - known["asked_at"])
            return known["answer"]
        if self._known_only:
            raise NotKnownError(path)
        answer = self._mixpanel.ask(method, path, **content)
        self._write(file, {"question": question, "asked_at": self._clock(), "answer": answer})
        return answer

    def clear(self) -> None:
        """Remove all cached answers of the project."""
        for file in self._folder.glob("*"):
            file.unlink(missing_ok=True)

    def _read(self, file: Path, question: Any) -> dict[str, Any] | None:
        """The content of the file, if it is for this question and recent enough."""
        try:
            known = json.loads(file.read_bytes())
            age = self._clock() - known["asked_at"]
            fresh = 0 <= age < self._max_age and known["question"] == question
            return known if fresh and "answer" in known else None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def _write(self, file: Path, known: dict[str, Any]) -> None:
        make_private_folder(file.parent.parent)
        make_private_folder(file.parent)
        with suppress(OSError):
            for old in self._folder.iterdir():
                if self._clock() - old.stat().st_mtime > FORGOTTEN:
                    old.unlink(missing_ok=True)
            replace_file(file, json.dumps(known))
            os.utime(file, (known["asked_at"], known["asked_at"]))
