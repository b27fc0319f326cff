"""Backfills in the Dagster UI that runs on the same instance, started by `mp dev`."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from mixpanel_assets.defs.instance import is_running
from mixpanel_assets.defs.runs import PROJECT
from mixpanel_assets.errors import ConfigError, MixpanelDataError, UnavailableError
from mixpanel_assets.settings import make_private_folder, replace_file

HOST = "127.0.0.1"
SECONDS_TO_ANSWER = 60

# https://docs.dagster.io/api/graphql
LAUNCH = """mutation($backfill: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfill) {
    __typename ... on LaunchBackfillSuccess {backfillId} ... on Error {message}}}"""


@dataclass(frozen=True)
class RunningUI:
    """The address of a Dagster UI, its process, and its account's project, if known."""

    host: str
    port: int
    pid: int
    project_id: str | None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving_at(home: Path, port: int, project_id: str | None) -> Iterator[None]:
    """Publish the address of this process's UI, unless the instance has another one."""
    other = _read(home)
    if other and _listens(other):  # its pid may be that of an unrelated process by now
        yield
        return
    own = RunningUI(HOST, port, os.getpid(), project_id)
    make_private_folder(_address_file(home).parent)
    replace_file(_address_file(home), json.dumps(asdict(own)))
    try:
        yield
    finally:
        if _read(home) == own:
            _address_file(home).unlink(missing_ok=True)


def find_ui(home: Path) -> RunningUI:
    """The UI that runs on the instance; ConfigError if there is none."""
    if ui := _read(home):
        return ui
    raise ConfigError(f"no Dagster UI runs on the instance in {home}", hint="start it: mp dev")


def start_backfill(ui: RunningUI, asset: str, days: Sequence[date]) -> str:
    """Start a backfill of the days, which the daemon begins within a minute; return its id.

    Raises UnavailableError if the UI does not answer, MixpanelDataError if it refuses.
    """
    backfill = {
        "assetSelection": [{"path": [asset]}],
        "partitionNames": [str(day) for day in days],
        "title": "mp materialize",
        "tags": [
            {"key": "mp/source", "value": "cli"},
            *({"key": PROJECT, "value": one} for one in [ui.project_id] if one),
        ],
    }
    answer = _ask(ui, LAUNCH, {"backfill": backfill})
    launched = (answer.get("data") or {}).get("launchPartitionBackfill") or {}
    if "backfillId" in launched:
        return str(launched["backfillId"])
    errors = [launched, *answer.get("errors", [])]
    reasons = [str(error["message"]) for error in errors if "message" in error]
    raise MixpanelDataError(
        f"the Dagster UI refused the backfill: {'; '.join(reasons) or 'no reason given'}",
        hint=f"see {ui.url}, or land the days without --detach",
    )


def _ask(ui: RunningUI, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    # Not httpx: it would use a proxy from the environment, also for loopback.
    connection = http.client.HTTPConnection(ui.host, ui.port, timeout=SECONDS_TO_ANSWER)
    body = json.dumps({"query": query, "variables": variables})
    try:
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnavailableError(
            f"the Dagster UI at {ui.url} does not answer: {error}",
            hint="it may still be starting: try again in some seconds",
        ) from error
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else {}


def _listens(ui: RunningUI) -> bool:
    try:
        socket.create_connection((ui.host, ui.port), timeout=1).close()
    except OSError:
        return False
    return True


def _address_file(home: Path) -> Path:
    return home / ".dagster" / "ui.json"


def _read(home: Path) -> RunningUI | None:
    """The UI in the file, unless a killed process left it."""
    try:
        ui = RunningUI(**json.loads(_address_file(home).read_text("utf-8")))
        return ui if is_running(ui.pid) else None
    except (OSError, ValueError, TypeError):
        return None
