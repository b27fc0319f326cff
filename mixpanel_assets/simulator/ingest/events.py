"""The ingestion API: `POST /track` and `POST /import`; the export then has the events.

https://developer.mixpanel.com/reference/track-event
https://developer.mixpanel.com/reference/import-events
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import random
import string
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from mixpanel_assets.simulator.credentials import credentials_of
from mixpanel_assets.simulator.ingest.validation import failure_of, milliseconds
from mixpanel_assets.simulator.project import DAY_MS, Project
from mixpanel_assets.simulator.records import Record
from mixpanel_assets.simulator.store import Store

MOST_EVENTS = 2000
MOST_BYTES = 10 * 1024 * 1024
_TRACK_WINDOW_MS = 5 * DAY_MS
_NEVER_STORED = ("token", "ip")


class PayloadError(ValueError):
    """The request's body has no readable events."""


class TooLargeError(PayloadError):
    """The request is larger than Mixpanel accepts."""


@dataclass(frozen=True)
class Payload:
    """The events or updates of a request, and the other form fields."""

    events: list[Any]
    fields: dict[str, str]

    @property
    def is_form(self) -> bool:
        """Whether the events came as a form, as the official SDKs send them."""
        return bool(self.fields)


@dataclass(frozen=True)
class IngestApi:
    """The endpoints over one store."""

    store: Store
    project: Project
    clock: Callable[[], float]

    async def track(self, request: Request) -> Response:
        """Live events: those with the project's token, at most five days old, are stored."""
        try:
            payload = await read_payload(request)
        except PayloadError as error:
            return acknowledged(request, {}, str(error))
        now = int(self.clock() * 1000)
        known = [event for event in payload.events if _track_failure(event) is None]
        kept = [event for event in known if self._is_ours(event) and _is_recent(event, now)]
        arrived = [stored(event, now, imported=False) for event in kept]
        await run_in_threadpool(self.store.add, arrived)
        errors = [_track_failure(event) for event in payload.events if event not in known]
        # Mixpanel answers `1` even when the token is wrong.
        failed = None if known else (errors or ["data, missing or empty"])[0]
        return acknowledged(request, payload.fields, failed)

    async def import_events(self, request: Request) -> Response:
        """Events of any age: valid ones are stored, the others are listed in the answer."""
        if not self._may_import(request):
            return _answer(401, error="Invalid credentials")
        try:
            payload = await read_payload(request)
        except TooLargeError as error:
            return _answer(413, error=str(error))
        except PayloadError as error:
            return _answer(400, error=str(error), num_records_imported=0)
        if payload.is_form:
            return await self._imported_form(request, payload)
        if len(payload.events) > MOST_EVENTS:
            text = f"request exceeds max limit of {MOST_EVENTS} events"
            return _answer(413, error=text)
        strict = request.query_params.get("strict", "1") != "0"
        failed = await run_in_threadpool(self._import, payload.events, strict=strict)
        imported = len(payload.events) - len(failed)
        if failed and strict:
            return _answer(
                400,
                error="some data points in the request failed validation",
                failed_records=failed,
                num_records_imported=imported,
            )
        return _answer(200, num_records_imported=imported)

    def _import(self, events: list[Any], *, strict: bool) -> list[dict[str, Any]]:
        now = int(self.clock() * 1000)
        failed: list[dict[str, Any]] = []
        for index, event in enumerate(events):
            if failure := failure_of(event, now, strict=strict):
                failed.append({"index": index, **failure})
            else:
                self.store.add([stored(event, now, imported=True)])
        return failed

    async def _imported_form(self, request: Request, payload: Payload) -> Response:
        failed = await run_in_threadpool(self._import, payload.events, strict=False)
        none_kept = len(failed) == len(payload.events)
        error = failed[0]["message"] if failed and none_kept else None
        return acknowledged(request, payload.fields, error)

    def _may_import(self, request: Request) -> bool:
        known = credentials_of(request)
        if known.username == self.project.token:
            return True
        pair = (self.project.username, self.project.secret)
        asked = request.query_params.get("project_id")
        return (known.username, known.secret) == pair and asked == self.project.project_id

    def _is_ours(self, event: Record) -> bool:
        return bool(event["properties"]["token"] == self.project.token)


def acknowledged(request: Request, fields: dict[str, str], error: str | None) -> Response:
    """The answer of the endpoints that send only `1` or `0`, or a little more with `verbose`."""
    verbose = fields.get("verbose") or request.query_params.get("verbose")
    status = 0 if error else 1
    if verbose == "1":
        return JSONResponse({"error": error, "status": status})
    return PlainTextResponse(str(status))


def stored(event: Record, now_ms: int, *, imported: bool) -> Record:
    """The event as the export will have it, received now."""
    given = {k: v for k, v in event["properties"].items() if k not in _NEVER_STORED}
    at = milliseconds(given.get("time"))
    given["time"] = min(now_ms if at is None else at, now_ms)
    given.setdefault("$insert_id", _made_insert_id())
    given |= {
        "$mp_api_endpoint": "api.mixpanel.com",
        "$mp_api_timestamp_ms": now_ms,
        "mp_processing_time_ms": now_ms,
    }
    if imported:
        given["$import"] = True
    return {"event": event["event"], "properties": given}


async def read_payload(request: Request) -> Payload:
    """The events of the body: JSON, JSON lines or a form, compressed or not."""
    body = await request.body()
    if request.headers.get("content-encoding", "") == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise PayloadError("request body is not gzip") from error
    if len(body) > MOST_BYTES:
        raise TooLargeError(f"request exceeds max limit of {MOST_BYTES} bytes")
    kind = request.headers.get("content-type", "")
    try:
        text = body.decode()
        if kind.startswith("application/x-www-form-urlencoded"):
            fields = {name: found[-1] for name, found in parse_qs(text).items()}
            return Payload(_form_events(fields.get("data", "")), fields)
        return Payload(_json_events(text), {})
    except ValueError as error:
        raise PayloadError("request body is not valid JSON") from error


def _form_events(data: str) -> list[Any]:
    if data.lstrip()[:1] in ("{", "["):
        return _json_events(data)
    try:
        return _json_events(base64.b64decode(data, validate=True).decode())
    except binascii.Error as error:
        raise ValueError("neither JSON nor base64") from error


def _json_events(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return found if isinstance(found, list) else [found]


def _track_failure(event: Any) -> str | None:
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return "event, missing or empty"
    properties = event.get("properties")
    if not isinstance(properties, dict):
        return "properties, missing or empty"
    return None if properties.get("token") else "token, missing or empty"


def _is_recent(event: Record, now_ms: int) -> bool:
    at = milliseconds(event["properties"].get("time"))
    return at is None or at > now_ms - _TRACK_WINDOW_MS


def _made_insert_id() -> str:
    return "".join(random.choices(string.ascii_letters, k=36))


def _answer(code: int, **content: Any) -> Response:
    words = {
        200: "OK",
        400: "Bad Request",
        401: "Unauthorized",
        413: "Request Entity Too Large",
    }
    return JSONResponse({"code": code, **content, "status": words[code]}, code)
