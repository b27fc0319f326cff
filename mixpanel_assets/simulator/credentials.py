"""Who is asking: the Authorization header, read both ways Mixpanel allows."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from starlette.requests import Request


@dataclass(frozen=True)
class Credentials:
    """A Basic user name and secret; both empty when the request carries none."""

    username: str
    secret: str


def credentials_of(request: Request) -> Credentials:
    """The request's credentials, from base64 or the plain `Basic user:secret`.

    https://developer.mixpanel.com/reference/service-accounts
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return Credentials("", "")
    value = value.strip()
    if ":" not in value:  # a colon is no base64 character
        try:
            value = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return Credentials("", "")
    username, _, secret = value.partition(":")
    return Credentials(username, secret)
