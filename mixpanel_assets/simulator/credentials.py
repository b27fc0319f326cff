"""The Authorization header, in every form that Mixpanel accepts."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from starlette.requests import Request

from mixpanel_assets.simulator.project import Project

PROJECT_NAMED_TWICE = "project_id can not be given with a project secret"


@dataclass(frozen=True)
class Credentials:
    """A Basic username and secret, or a bearer token; all empty without credentials."""

    username: str
    secret: str
    token: str = ""

    def is_project_secret(self, project: Project) -> bool:
        """Whether they are the project's legacy secret, which needs no project id."""
        return (self.username, self.secret) == (project.api_secret, "")

    def may_read(self, project: Project) -> bool:
        """Whether they are a service account, the secret or an OAuth token of the project."""
        pair = (self.username, self.secret)
        known = pair == (project.username, project.secret) or self.token == project.oauth_token
        return known or self.is_project_secret(project)


def credentials_of(request: Request) -> Credentials:
    """The request's credentials, from base64 or the plain `Basic user:secret`.

    https://developer.mixpanel.com/reference/service-accounts
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return Credentials("", "", value)
    if scheme.lower() != "basic":
        return Credentials("", "")
    if ":" not in value:  # base64 has no colon
        try:
            value = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return Credentials("", "")
    username, _, secret = value.partition(":")
    return Credentials(username, secret)
