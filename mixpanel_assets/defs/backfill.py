"""Backfills that a running Dagster daemon works on, and the UI of `mp dev`."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_assets.defs.instance import is_running
from mixpanel_assets.defs.runs import PROJECT
from mixpanel_assets.errors import ConfigError
from mixpanel_assets.settings import make_private_folder, replace_file

if TYPE_CHECKING:
    import dagster as dg

    from mixpanel_assets.defs.project import Project

HOST = "127.0.0.1"
LOCATION = "mixpanel_assets"  # of workspace.yaml
SECONDS_TO_ANSWER = 60
BEATS = 90  # seconds since the last heartbeat of a running daemon, which has one every 30

# https://docs.dagster.io/api/graphql
RELOAD = """mutation($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) {__typename}}"""


@dataclass(frozen=True)
class RunningUI:
    """The address of a Dagster UI, its process, and the prefixes of the assets it has loaded."""

    host: str
    port: int
    pid: int
    prefixes: list[str]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


@contextmanager
def serving_at(home: Path, port: int, prefixes: Sequence[str]) -> Iterator[None]:
    """Publish the address of this process's UI, unless the instance has another one."""
    other = find_ui(home)
    if other and _listens(other):  # its pid may be that of an unrelated process by now
        yield
        return
    own = RunningUI(HOST, port, os.getpid(), list(prefixes))
    make_private_folder(_address_file(home).parent)
    replace_file(_address_file(home), json.dumps(asdict(own)))
    try:
        yield
    finally:
        if find_ui(home) == own:
            _address_file(home).unlink(missing_ok=True)


def find_ui(home: Path) -> RunningUI | None:
    """The UI of `mp dev` on the instance, unless a killed process left its address."""
    try:
        ui = RunningUI(**json.loads(_address_file(home).read_text("utf-8")))
        return ui if is_running(ui.pid) else None
    except (OSError, ValueError, TypeError):
        return None


def reload_definitions(home: Path) -> bool:
    """Make the UI load the definitions again; False if there is none, or it does not answer."""
    ui = find_ui(home)
    return bool(ui and _ask(ui, RELOAD, {"name": LOCATION}))


def has_daemon(instance: dg.DagsterInstance) -> bool:
    """Whether a daemon runs on the instance."""
    beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
    return time.time() - max(beats, default=0) < BEATS


def check_daemon(instance: dg.DagsterInstance, home: Path) -> None:
    """Raise ConfigError if no daemon runs on the instance."""
    if not has_daemon(instance):
        raise ConfigError(
            f"no Dagster daemon runs on the instance in {home}",
            hint="start mp dev; if it has just started, try again in some seconds",
        )


def start_backfill(
    instance: dg.DagsterInstance, project: Project, defs: dg.Definitions, days: Sequence[date]
) -> str:
    """Request a backfill of the days, which a daemon begins within a minute; return its id."""
    from dagster._core.execution.backfill import PartitionBackfill
    from dagster._core.utils import make_new_backfill_id

    tags = {"mp/source": "cli", **({PROJECT: project.project_id} if project.project_id else {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a method that Dagster itself calls
        backfill = PartitionBackfill.from_asset_partitions(
            backfill_id=make_new_backfill_id(),
            asset_graph=defs.resolve_asset_graph(),
            partition_names=[str(day) for day in days],
            asset_selection=[project.key("events")],
            backfill_timestamp=time.time(),
            tags=tags,
            dynamic_partitions_store=instance,
            all_partitions=False,
            title="mp materialize",
            description=None,
            run_config=None,
        )
    instance.add_backfill(backfill)
    return backfill.backfill_id


def _ask(ui: RunningUI, query: str, variables: dict[str, Any]) -> Any:
    """What the UI answers; None if it does not."""
    # Not httpx: it would use a proxy from the environment, also for loopback.
    connection = http.client.HTTPConnection(ui.host, ui.port, timeout=SECONDS_TO_ANSWER)
    body = json.dumps({"query": query, "variables": variables})
    try:
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read()).get("data")
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return None
    finally:
        connection.close()


def _listens(ui: RunningUI) -> bool:
    try:
        socket.create_connection((ui.host, ui.port), timeout=1).close()
    except OSError:
        return False
    return True


def _address_file(home: Path) -> Path:
    return home / ".dagster" / "ui.json"
