"""Simulators for tests to start, and the few words their stories are told in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from mixpanel_assets.simulator.server import Simulator

NOON = datetime(2024, 1, 10, 12, tzinfo=UTC).timestamp()


def _event(
    name: str = "open", at: str = "2024-01-02T10:00:00", **properties: Any
) -> dict[str, Any]:
    ms = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
    return {"event": name, "properties": {"time": ms, "distinct_id": "ana", **properties}}


def _export(
    sim: Simulator, start: str = "2024-01-02", end: str | None = None, **params: Any
) -> httpx.Response:
    asked = {
        "project_id": sim.project.project_id,
        "from_date": start,
        "to_date": end or start,
        "time_in_ms": "true",
        **params,
    }
    headers = asked.pop("headers", {})
    account = asked.pop("auth", (sim.project.username, sim.project.secret))
    wanted = {name: value for name, value in asked.items() if value is not None}
    url = f"{sim.url}/api/2.0/export"
    return httpx.get(url, params=wanted, auth=account, headers=headers, verify=False)


def _profile(distinct_id: str = "ana", **properties: Any) -> dict[str, Any]:
    return {"$distinct_id": distinct_id, "$properties": properties}


def _engage(sim: Simulator, **params: Any) -> httpx.Response:
    asked = {"project_id": sim.project.project_id, **params}
    account = asked.pop("auth", (sim.project.username, sim.project.secret))
    path = asked.pop("path", "/api/query/engage")
    form = {k: v if isinstance(v, str) else json.dumps(v) for k, v in asked.items()}
    return httpx.post(f"{sim.url}{path}", data=form, auth=account, verify=False)


def _query(sim: Simulator, path: str, /, **params: Any) -> httpx.Response:
    asked = {"project_id": sim.project.project_id, **params}
    account = asked.pop("auth", (sim.project.username, sim.project.secret))
    texts = {k: v if isinstance(v, str) else json.dumps(v) for k, v in asked.items()}
    wanted = {name: text for name, text in texts.items() if text != "null"}
    return httpx.get(f"{sim.url}/api/query/{path}", params=wanted, auth=account, verify=False)


def _ask(sim: Simulator, path: str, /, **params: Any) -> Any:
    answer = _query(sim, path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _app(sim: Simulator, path: str, /, **params: Any) -> httpx.Response:
    account = params.pop("auth", (sim.project.username, sim.project.secret))
    return httpx.get(f"{sim.url}/api/app{path}", params=params, auth=account, verify=False)


def _ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [profile["$distinct_id"] for profile in answer.json()["results"]]


def _records(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.content.split(b"\n") if line]


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Makes a record of Ana's: event(name, at, **properties)."""
    return _event


@pytest.fixture
def numbered() -> Callable[[int], list[dict[str, Any]]]:
    """Makes so many records of one day, told apart by `n`."""
    return lambda count: [_event(n=n, note=f"record number {n} of a day") for n in range(count)]


@pytest.fixture
def export() -> Callable[..., httpx.Response]:
    """Exports as the service account, in milliseconds, unless told otherwise."""
    return _export


@pytest.fixture
def profile() -> Callable[..., dict[str, Any]]:
    """Makes a profile: profile(distinct_id, **properties)."""
    return _profile


@pytest.fixture
def engage() -> Callable[..., httpx.Response]:
    """Asks for a page of profiles as the service account, as a form."""
    return _engage


@pytest.fixture
def ids() -> Callable[[httpx.Response], list[str]]:
    """Reads the distinct ids on a page that was answered."""
    return _ids


@pytest.fixture
def query() -> Callable[..., httpx.Response]:
    """Asks an endpoint of the query API as the service account."""
    return _query


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Asks likewise, and reads the answer, which must be a success."""
    return _ask


@pytest.fixture
def app() -> Callable[..., httpx.Response]:
    """Asks an endpoint of the app API as the service account."""
    return _app


@pytest.fixture
def crowd(simulate: Callable[..., Simulator]) -> Callable[..., Simulator]:
    """Starts a simulator that holds so many profiles, `u0` and on."""

    def start(count: int, **settings: Any) -> Simulator:
        sim = simulate(**settings)
        sim.profiles.set(_profile(f"u{n}", n=n, note=f"profile number {n}") for n in range(count))
        return sim

    return start


@pytest.fixture
def records() -> Callable[[httpx.Response], list[dict[str, Any]]]:
    """Reads the records of an answer that succeeded."""
    return _records


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators whose clock stands still at noon of 10 January 2024, and stops them."""
    running: list[Simulator] = []

    def start(*args: Any, **settings: Any) -> Simulator:
        sim = Simulator(*args, **{"clock": lambda: NOON, **settings}).__enter__()
        running.append(sim)
        return sim

    yield start
    for sim in running:
        sim.__exit__(None, None, None)


@pytest.fixture
def sim(simulate: Callable[..., Simulator]) -> Simulator:
    """One such simulator, with an empty store."""
    return simulate()
