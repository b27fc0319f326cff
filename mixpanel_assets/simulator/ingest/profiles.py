"""The profile side of the ingestion API: `POST /engage` for users and `POST /groups`.

https://developer.mixpanel.com/reference/profile-set
https://developer.mixpanel.com/reference/group-set-property
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from mixpanel_assets.simulator.ingest.events import PayloadError, acknowledged, read_payload
from mixpanel_assets.simulator.ingest.revisions import OPERATIONS
from mixpanel_assets.simulator.profiles import Profiles
from mixpanel_assets.simulator.project import Project

_USERS = {*OPERATIONS, "$delete"}
_GROUPS = _USERS - {"$add", "$append"}


@dataclass(frozen=True)
class UpdateApi:
    """The endpoints over one store of profiles."""

    profiles: Profiles
    project: Project
    clock: Callable[[], float]

    async def users(self, request: Request) -> Response:
        """Updates of user profiles: those with the project's token are applied."""
        return await self._updated(request, _user_failure, self._update_user)

    async def groups(self, request: Request) -> Response:
        """Updates of group profiles: those with the project's token are applied."""
        return await self._updated(request, _group_failure, self._update_group)

    async def _updated(
        self,
        request: Request,
        failure: Callable[[Any], str | None],
        update: Callable[[dict[str, Any]], None],
    ) -> Response:
        try:
            payload = await read_payload(request)
        except PayloadError as error:
            return acknowledged(request, {}, str(error))
        errors = [failure(given) for given in payload.events]
        known = [g for g, error in zip(payload.events, errors, strict=True) if error is None]
        for given in known:
            # Mixpanel answers `1` even when the token is wrong.
            if given["$token"] == self.project.token:
                await run_in_threadpool(update, given)
        failed = None if known else (errors or ["data, missing or empty"])[0]
        return acknowledged(request, payload.fields, failed)

    def _update_user(self, given: dict[str, Any]) -> None:
        operations = _operations(given)
        if not given.get("$ignore_time"):
            seen = datetime.fromtimestamp(int(self.clock()), UTC).strftime("%Y-%m-%dT%H:%M:%S")
            operations["$set"] = {"$last_seen": seen, **operations.get("$set", {})}
        self.profiles.revise(str(given["$distinct_id"]), operations)

    def _update_group(self, given: dict[str, Any]) -> None:
        data_group_id = self.profiles.data_group_id(given["$group_key"])
        self.profiles.revise(str(given["$group_id"]), _operations(given), data_group_id)


def _operations(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in _USERS}


def _user_failure(given: Any) -> str | None:
    return _failure(given, ("$token", "$distinct_id"), _USERS)


def _group_failure(given: Any) -> str | None:
    return _failure(given, ("$token", "$group_key", "$group_id"), _GROUPS)


def _failure(given: Any, needed: tuple[str, ...], operations: set[str]) -> str | None:
    if not isinstance(given, dict):
        return "data, must be an object"
    for name in needed:
        if given.get(name) in (None, ""):
            return f"{name}, missing or empty"
    found = [name for name in given if name in _USERS]
    if not found or not set(found) <= operations:
        return "no operation that is known here"
    if any(not isinstance(given[name], _TYPES.get(name, dict)) for name in found):
        return f"{found[0]}, of the wrong type"
    return None


_TYPES: dict[str, type | tuple[type, ...]] = {"$unset": list, "$delete": object}
