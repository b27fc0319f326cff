"""`mp doctor` reports credentials as ok if Mixpanel accepts them, or says that it was not asked."""

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]
KINDS = {
    "MP_SECRET": {"MP_USERNAME": "demo.sim.mp-service-account", "MP_SECRET": "simulator-secret"},
    "MP_PROJECT_SECRET": {"MP_PROJECT_SECRET": "simulator-project-secret"},
    "MP_OAUTH_TOKEN": {"MP_OAUTH_TOKEN": "simulator-oauth-token"},
}


def credentials_of(answer: Answer) -> tuple[bool, str, str]:
    """What the check of the credentials says; the others are right."""
    checks = {one["check"]: one for one in answer.json}
    found = checks.pop("credentials")
    assert all(one["ok"] for one in checks.values()), answer.json
    assert (answer.code, answer.err) == (0 if found["ok"] else 1, "")
    return found["ok"], found["detail"], found["hint"] or ""


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_are_ok_when_mixpanel_accepts_them(
    kind: str, mixpanel: Simulator, here: Mp
) -> None:
    known = {"MP_BASE_URL": mixpanel.url, "MP_PROJECT_ID": "12345", **KINDS[kind]}
    ok, detail, _ = credentials_of(here("doctor", **known))
    assert (ok, "; accepted by Mixpanel" in detail) == (True, True)
    assert [one.path for one in mixpanel.requests] == ["/api/2.0/export"]
    ok, detail, hint = credentials_of(here("doctor", **{**known, kind: "wrong"}))
    assert (ok, "; not accepted: " in detail, hint != "") == (False, True, True)
    assert "project 12345" in detail
    assert here("limits", **known).json["export"]["used"] == 2


def test_offline_nothing_is_requested_and_the_detail_says_so(account: Simulator, here: Mp) -> None:
    ok, detail, hint = credentials_of(here("doctor", "--offline"))
    assert (ok, hint) == (True, "test them with: mp auth test")
    assert detail.endswith("; not tested")
    assert account.requests == []


def test_a_mixpanel_that_cannot_be_reached_is_not_right(account: Simulator, here: Mp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    ok, detail, hint = credentials_of(here("doctor", MP_BASE_URL=url))
    assert (ok, f"could not be tested: {url} can't be reached" in detail) == (False, True)
    assert "check the network" in hint
    assert "mp doctor --offline" in hint


def test_a_used_up_limit_is_no_illness(account: Simulator, here: Mp, tmp_path: Path) -> None:
    assert here("doctor").code == 0
    Budget(tmp_path / "home" / "budget.sqlite", "12345").block("export", 1800)
    ok, detail, hint = credentials_of(here("doctor"))
    assert (ok, hint) == (True, "test them later with: mp auth test")
    assert "; not tested: " in detail
    assert len(account.requests) == 1


def test_credentials_that_can_not_be_tested_are_not_ok(account: Simulator, here: Mp) -> None:
    account.fail("500@*")
    ok, detail, _ = credentials_of(here("doctor"))
    assert (ok, "could not be tested" in detail) == (False, True)
    assert len(account.requests) == 1


@pytest.fixture
def sign_in_page() -> Iterator[str]:
    """The address of a server that answers everything with its page, as hotels have it."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"\n<html>Welcome! Sign in to use our network.</html>")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_of_somebody_else_is_no_proof(
    sign_in_page: str, account: Simulator, here: Mp
) -> None:
    ok, detail, hint = credentials_of(here("doctor", MP_BASE_URL=sign_in_page))
    assert (ok, "not a Mixpanel export" in detail, "sign-in" in hint) == (False, True, True)
    answer = here("auth", "test", MP_BASE_URL=sign_in_page)
    assert (answer.code, answer.out, answer.error["code"]) == (1, "", "SERVER_ERROR")


def test_a_project_without_credentials_is_not_right(here: Mp) -> None:
    ok, detail, hint = credentials_of(here("doctor", MP_PROJECT_ID="12345"))
    assert (ok, detail) == (False, "there are no Mixpanel credentials")
    assert "MP_USERNAME" in hint
