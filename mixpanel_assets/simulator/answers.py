"""How Mixpanel words its refusals: JSON with an error and the request it was for."""

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
    """A parameter is missing or makes no sense; the text is the answer's."""


class ForbiddenError(Exception):
    """The plan or the role does not reach that far; the text is the answer's."""


class ScriptError(ValueError):
    """A script can not be run; the text is the answer's."""


class NotFoundError(LookupError):
    """There is no such thing; the text is the answer's."""


def failed(request: Request, text: str, status: int = 400) -> Response:
    """The answer to a request that can not be fulfilled."""
    asked = f"{request.url.path}?{request.url.query}"
    return JSONResponse({"error": text, "request": asked}, status)


def as_json(found: Any) -> Response:
    """The answer that holds what was found."""
    return Response(encode(found), media_type="application/json")


def too_many(request: Request, refusal: Refusal) -> Response:
    """The answer to a request beyond a limit; only that of the hour names the request."""
    content = {"request": str(request.url)} if refusal.names_request else {}
    return JSONResponse({**content, "error": refusal.error}, 429, refusal.headers)


def bad_gateway() -> Response:
    """The page of a proxy that lost its server."""
    return HTMLResponse(_BAD_GATEWAY, 502)
