"""Pictures of the Dagster UI for the documents: a simulated project, landed, and a browser.

python -m mixpanel_assets_tests.screenshots
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import httpx
import yaml

from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LOCATION = "locations/__repository__@mixpanel_assets"
DAYS = 40  # before today
HALF = 10  # of them by a backfill
SECONDS = 180  # that the UI has to start in, and a page to be drawn in
BACKFILL = """query($id: String!) {
  partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {status}}}"""

RUN = """{runsOrError(filter: {pipelineName: "acme_events_job"}, limit: 1) {
  ... on Runs {results {runId}}}}"""
ACCOUNTS = {"acme": "111", "beta": "222"}  # and their projects; the first is the default

QUESTION = """ops:
  ask:
    config:
      segmentation:
        event: Purchase
        "on": plan
        from_date: 30d
        table: purchases_by_plan
"""
LAUNCHPAD = f"{LOCATION}/jobs/acme_ask/playground/setup?config={quote(QUESTION)}"


def main() -> None:
    """The pictures in docs/images are new."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("there is no chromium on the path")
    with tempfile.TemporaryDirectory() as folder, projects(Path(folder)) as environments:
        acme = environments["acme"]
        for account, environment in environments.items():
            for words in (f"events --from {DAYS}d --to {HALF + 1}d", "profiles", "catalog"):
                mp(environment, "--account", account, "materialize", *words.split())
        with ui(acme) as address:
            rest = ("--from", f"{HALF}d", "--to", "yesterday", "--detach")
            backfill = json.loads(mp(acme, "materialize", "events", *rest))["backfill_id"]
            wait(lambda: _ended(address, backfill))
            for name, config in (("counts_job", {}), ("ask", yaml.safe_load(QUESTION))):
                execute(acme, name, config)
            run = _asked(address, RUN)["runsOrError"]["results"][0]["runId"]
            picture(browser, weeks(acme), IMAGES / "events-weeks.png", (584, 1010))
            for name, (page, size) in pages(backfill, run).items():
                picture(browser, f"{address}/{page}", IMAGES / f"{name}.png", size)


def pages(backfill: str, run: str) -> dict[str, tuple[str, tuple[int, int]]]:
    """By picture: the page, and the size of the window."""
    yesterday = Settings(Path.cwd()).today() - timedelta(1)
    group = f"{LOCATION}/asset-groups/acme"
    return {
        "lineage": (f"{group}/lineage", (1500, 1750)),
        "two-projects": ("asset-groups", (1400, 700)),
        "catalog": ("assets", (1400, 800)),
        "events-partitions": (
            f"assets/acme/events?view=partitions&partition={yesterday}",
            (1400, 1280),
        ),
        "checks": ("assets/acme/events?view=checks&checkDetail=rows_as_landed", (1400, 1000)),
        "kept-question": ("assets/acme/purchases_by_plan?view=events", (1400, 800)),
        "run": (f"runs/{run}", (1400, 800)),
        "launchpad": (LAUNCHPAD, (1400, 640)),
        "backfill": (f"runs/b/{backfill}", (1400, 350)),
        "automation": ("automation", (1400, 745)),
    }


@contextmanager
def projects(home: Path) -> Iterator[dict[str, dict[str, str]]]:
    """By account: the environment of somebody whose Mixpanel is on this machine."""
    first = Settings(home).today() - timedelta(DAYS)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MP_", "DAGSTER_"))}
    environments, entries = {}, [f'default = "{next(iter(ACCOUNTS))}"']
    with ExitStack() as servers:
        for seed, (account, project_id) in enumerate(ACCOUNTS.items()):
            world = World(seed=seed, first_day=first, events_per_day=2500)
            known = Project(project_id=project_id)
            mixpanel = servers.enter_context(Simulator(Store(world=world), project=known))
            entries += [
                f"[accounts.{account}]",
                f'username = "{known.username}"',
                f'secret = "{known.secret}"',
                f'project_id = "{project_id}"',
            ]
            environments[account] = {
                **clean,
                "HOME": str(home),
                "MP_HOME": str(home / "mp"),
                "MP_BASE_URL": mixpanel.url,
            }
        (home / "mp").mkdir(mode=0o700)
        (home / "mp" / "config.toml").write_text("\n".join(entries))
        yield environments


def mp(environment: dict[str, str], *arguments: str) -> str:
    """What the command says."""
    command = [sys.executable, "-m", "mixpanel_assets", *arguments]
    home = environment["HOME"]
    return subprocess.run(
        command, env=environment, cwd=home, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def execute(environment: dict[str, str], job: str, config: Any) -> None:
    """Run the job of the first account."""
    home = Path(environment["MP_HOME"]) / "dagster"
    (home / "config.yaml").write_text(yaml.safe_dump(config))
    words = ["dagster", "job", "execute", "-m", "mixpanel_assets.definitions"]
    words += ["-j", f"acme_{job}", "-c", "config.yaml"]
    subprocess.run(
        [sys.executable, "-m", *words],
        env={**environment, "DAGSTER_HOME": str(home)},
        cwd=home,
        check=True,
        capture_output=True,
    )


def weeks(environment: dict[str, str]) -> str:
    """The address of a page with the charts that the newest day of events opens in a dialog."""
    home = Path(environment["MP_HOME"])
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        (record,) = instance.fetch_materializations(
            dg.AssetKey(["acme", "events"]), limit=1
        ).records
    newest = record.asset_materialization
    assert newest
    images = re.findall(r"\(<(data:[^>]*)>\)", str(newest.metadata["weeks"].value))
    page = home / "weeks.html"
    page.write_text("".join(f'<img src="{image}">' for image in images))
    return page.as_uri()


@contextmanager
def ui(environment: dict[str, str]) -> Iterator[str]:
    """`mp dev` runs, and answers at this address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mixpanel_assets", "dev", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, cwd=environment["HOME"])
    try:
        wait(lambda: _answers(address))
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def wait(true: Callable[[], bool]) -> None:
    """It is true; TimeoutError if that takes too long."""
    until = time.monotonic() + SECONDS
    while not true():
        if time.monotonic() > until:
            raise TimeoutError
        time.sleep(1)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/server_info").is_success
    except httpx.TransportError:
        return False


def _ended(address: str, backfill: str) -> bool:
    answer = _asked(address, BACKFILL, id=backfill)
    return str(answer["partitionBackfillOrError"]["status"]).startswith("COMPLETED")


def _asked(address: str, query: str, **variables: str) -> Any:
    question = {"query": query, "variables": variables}
    return httpx.post(f"{address}/graphql", json=question, timeout=SECONDS).json()["data"]


def picture(browser: str, url: str, file: Path, size: tuple[int, int]) -> None:
    """The page as it looks when it has asked for everything."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                f"--user-data-dir={profile}",
                f"--screenshot={file}",
                f"--window-size={size[0]},{size[1]}",
                "--virtual-time-budget=20000",
                url,
            ],
            check=True,
            capture_output=True,
            timeout=SECONDS,
        )


if __name__ == "__main__":
    main()
