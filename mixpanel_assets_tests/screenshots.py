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
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dagster as dg
import httpx

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

ID = Project().project_id  # with which all names begin

QUESTION = """ops:
  ask:
    config:
      segmentation:
        event: Purchase
        "on": plan
        from_date: 30d
        table: purchases_by_plan
"""
LAUNCHPAD = f"{LOCATION}/jobs/{ID}_ask/playground/setup?config={quote(QUESTION)}"


def main() -> None:
    """The pictures in docs/images are new."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("there is no chromium on the path")
    with tempfile.TemporaryDirectory() as folder, project(Path(folder)) as environment:
        for words in (f"events --from {DAYS}d --to {HALF + 1}d", "profiles", "catalog"):
            mp(environment, "materialize", *words.split())
        with ui(environment) as address:
            rest = ("--from", f"{HALF}d", "--to", "yesterday", "--detach")
            handed = mp(environment, "materialize", "events", *rest)
            backfill = json.loads(handed)["backfill_id"]
            wait(lambda: _ended(address, backfill))
            compare(environment)
            picture(browser, weeks(environment), IMAGES / "events-weeks.png", (584, 1010))
            for name, (page, size) in pages(backfill).items():
                picture(browser, f"{address}/{page}", IMAGES / f"{name}.png", size)


def pages(backfill: str) -> dict[str, tuple[str, tuple[int, int]]]:
    """By picture: the page, and the size of the window."""
    yesterday = Settings(Path.cwd()).today() - timedelta(1)
    return {
        "assets": (f"{LOCATION}/asset-groups/{ID}/list", (1400, 710)),
        "events-partitions": (
            f"assets/{ID}/events?view=partitions&partition={yesterday}",
            (1400, 1280),
        ),
        "checks": (f"assets/{ID}/events?view=checks&checkDetail=rows_as_landed", (1400, 1000)),
        "launchpad": (LAUNCHPAD, (1400, 640)),
        "backfill": (f"runs/b/{backfill}", (1400, 350)),
        "automation": ("automation", (1400, 545)),
    }


@contextmanager
def project(home: Path) -> Iterator[dict[str, str]]:
    """The environment of somebody whose Mixpanel is on this machine."""
    first = Settings(home).today() - timedelta(DAYS)
    with Simulator(Store(world=World(first_day=first, events_per_day=2500))) as mixpanel:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MP_", "DAGSTER_"))}
        yield {
            **clean,
            "HOME": str(home),
            "MP_HOME": str(home / "mp"),
            "MP_BASE_URL": mixpanel.url,
            "MP_USERNAME": mixpanel.project.username,
            "MP_SECRET": mixpanel.project.secret,
            "MP_PROJECT_ID": mixpanel.project.project_id,
            "MP_START_DATE": str(first),
        }


def mp(environment: dict[str, str], *arguments: str) -> str:
    """What the command says."""
    command = [sys.executable, "-m", "mixpanel_assets", *arguments]
    home = environment["HOME"]
    return subprocess.run(
        command, env=environment, cwd=home, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def compare(environment: dict[str, str]) -> None:
    """What is landed is held against Mixpanel's own report."""
    home = Path(environment["MP_HOME"]) / "dagster"
    words = ["dagster", "job", "execute", "-m", "mixpanel_assets.definitions"]
    words += ["-j", f"{ID}_counts_job"]
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
        (record,) = instance.fetch_materializations(dg.AssetKey("events"), limit=1).records
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
    question = {"query": BACKFILL, "variables": {"id": backfill}}
    told: Any = httpx.post(f"{address}/graphql", json=question, timeout=SECONDS).json()
    return str(told["data"]["partitionBackfillOrError"]["status"]).startswith("COMPLETED")


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
