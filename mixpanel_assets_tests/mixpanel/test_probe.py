"""Each kind of credentials is sent its own way, and one small export proves it."""

from base64 import b64encode
from datetime import date
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials, Kind
from mixpanel_assets.errors import AuthenticationError
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.probe import prove_access


def basic(pair: str) -> str:
    return f"Basic {b64encode(pair.encode()).decode()}"


SENT: dict[Kind, tuple[str, str | None]] = {
    "service_account": (basic("u:s-é"), "1"),
    "project_secret": (basic("s-é:"), None),
    "oauth_token": ("Bearer s-x", "1"),
}


def credentials(kind: Kind) -> Credentials:
    secret = SecretStr("s-x" if kind == "oauth_token" else "s-é")
    username = "u" if kind == "service_account" else ""
    return Credentials(username=username, secret=secret, project_id="1", region="eu", kind=kind)


@pytest.mark.parametrize("kind", SENT)
def test_one_export_of_one_event_is_asked_for(kind: Kind, tmp_path: Path) -> None:
    asked: list[httpx.Request] = []
    notes: list[str] = []

    def wire(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    budget = Budget(tmp_path / "budget.sqlite", "1")
    transport = httpx.MockTransport(wire)
    with Client(credentials(kind), budget, note=notes.append, transport=transport) as client:
        prove_access(client, date(2024, 1, 2))
    (request,) = asked
    header, project_id = SENT[kind]
    assert request.headers["Authorization"] == header
    assert request.url.host == "data-eu.mixpanel.com"
    assert request.url.params.get("project_id") == project_id
    assert request.url.params["limit"] == "1"
    assert "s-" not in str(request.url) + repr(client.credentials)
    assert ("2027-03-03" in "".join(notes)) is (kind == "project_secret")
    assert budget.report()["export"]["used"] == 1


def test_a_refusal_is_told(tmp_path: Path) -> None:
    refused = httpx.MockTransport(lambda request: httpx.Response(401, text="no"))
    budget = Budget(tmp_path / "budget.sqlite", "1")
    with (
        Client(credentials("oauth_token"), budget, transport=refused) as client,
        pytest.raises(AuthenticationError),
    ):
        prove_access(client, date(2024, 1, 2))
