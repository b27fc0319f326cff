"""Mixpanel's error answers: JSON with an error and the request that it answers."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from mixpanel_assets.simulator.limits import Refusal
from mixpanel_assets.simulator.records import encode

BROKEN = {
    "401": "Invalid service account credentials",
    # What the Free plan answers on endpoints it does not include.
    "402": "Your plan does not allow API calls. Upgrade at mixpanel.com/pricing",
    "403": "This service account has no access to the project",
    "500": "unknown error",
}
_BAD_GATEWAY = "<html><head><title>502 Server Error</title></head><body>Bad Gateway</body></html>"


class BadRequestError(ValueError):
    """A parameter is missing or invalid; the text is sent in the answer."""


class ForbiddenError(Exception):
    """The plan or the role does not allow the request; the text is sent in the answer."""


class ScriptError(ValueError):
    """A script cannot be run; the text is sent in the answer."""


class NotFoundError(LookupError):
    """What was asked for does not exist; the text is sent in the answer."""


def failed(request: Request, text: str, status: int = 400) -> Response:
    """The answer to a request that cannot be fulfilled."""
    asked = f"{request.url.path}?{request.url.query}"
    return JSONResponse({"error": text, "request": asked}, status)


def as_json(found: Any) -> Response:
    """A JSON answer."""
    return Response(encode(found), media_type="application/json")


def too_many(request: Request, refusal: Refusal) -> Response:
    """The answer to a request beyond a limit; only the hourly limit names the request."""
    content = {"request": str(request.url)} if refusal.names_request else {}
    return JSONResponse({**content, "error": refusal.error}, 429, refusal.headers)


def bad_gateway() -> Response:
    """The error page of a proxy that cannot reach its server."""
    return HTMLResponse(_BAD_GATEWAY, 502)
