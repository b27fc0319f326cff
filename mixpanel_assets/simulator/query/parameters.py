"""A query's parameters from the URL and the body, which takes precedence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request

from mixpanel_assets.simulator.answers import BadRequestError


@dataclass(frozen=True)
class Parameters:
    """Values by name: text, or the values of a JSON body."""

    given: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """The value as text; None when missing or empty."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        return value if isinstance(value, str) else json.dumps(value)

    def needed(self, name: str) -> str:
        """The value as text, which is required."""
        text = self.text(name)
        if text is None:
            raise BadRequestError(f"Missing required parameter: {name}")
        return text

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """The value, one of the choices; required without a default."""
        text = self.needed(name) if default is None else self.text(name) or default
        if text not in choices:
            raise BadRequestError(f"Invalid {name}: {text!r}. Must be one of {', '.join(choices)}")
        return text

    def count(self, name: str, default: int, most: int | None = None) -> int:
        """The value as a whole number from 1, up to `most`."""
        number = self.whole(name)
        if number is None:
            return default
        if number < 1 or (most is not None and number > most):
            bound = "at least 1" if most is None else f"from 1 to {most}"
            raise BadRequestError(f"{name} must be {bound}, not {number}")
        return number

    def texts(self, name: str) -> list[str]:
        """The strings of a JSON array, which is required."""
        self.needed(name)
        found: list[Any] = self.structure(name, list)
        if not all(isinstance(one, str) for one in found):
            raise BadRequestError(f"{name} must be a JSON array of strings")
        return found

    def whole(self, name: str) -> int | None:
        """The value as a whole number, which may be negative."""
        text = self.text(name)
        if text is None:
            return None
        if not text.removeprefix("-").isdecimal():
            raise BadRequestError(f"{name} must be a whole number, not {text}")
        return int(text)

    def structure(self, name: str, kind: type) -> Any:
        """The value's list or object, from JSON text or not; None when missing."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                raise BadRequestError(f"{name} is not JSON: {error}") from error
        if not isinstance(value, kind):
            raise BadRequestError(f"{name} must be a JSON {_KINDS[kind]}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """The value as a boolean."""
        text = self.text(name)
        return default if text is None else text.lower() in ("true", "1")


_KINDS: dict[type, str] = {list: "array", dict: "object"}


async def parameters_of(request: Request) -> Parameters:
    """The parameters of the request, which is logged with them."""
    found: dict[str, Any] = dict(request.query_params) | _of_body(await request.body())
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in found.items()}
    request.scope["mixpanel_parameters"] = texts
    return Parameters(found)


def _of_body(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    return {name: values[-1] for name, values in fields.items()}
