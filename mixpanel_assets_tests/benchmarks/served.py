"""A simulator in a process of its own, so that its Python takes no time from what is measured."""

from __future__ import annotations

import base64
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from mixpanel_assets.simulator.project import Project
from mixpanel_assets_tests.benchmarks.dataset import Dataset
from mixpanel_assets_tests.benchmarks.measure import environment


@contextmanager
def served(dataset: Dataset) -> Iterator[str]:
    """The URL of a local Mixpanel that holds the dataset and has its answers ready."""
    command = [sys.executable, "-m", __name__, str(dataset.folder)]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            if not (url := process.stdout.readline().strip()):
                raise SystemExit("the simulator did not start")
            _warm_up(url, dataset)
            yield url
        finally:
            process.terminate()


def export_query(start: object, end: object) -> dict[str, str]:
    """The parameters of a raw export of these days."""
    project = Project().project_id
    days = {"from_date": str(start), "to_date": str(end)}
    return {"project_id": project, **days, "time_in_ms": "true"}


def _warm_up(url: str, dataset: Dataset) -> None:
    """The simulator compresses days once for answers of several days: here, not in a case."""
    account = Project()
    token = base64.b64encode(f"{account.username}:{account.secret}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Accept-Encoding": "gzip"}
    for start, end in dataset.spans:
        address = f"{url}/api/2.0/export?{urlencode(export_query(start, end))}"
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            while answer.read(1 << 20):
                pass


def main() -> None:
    """The folder is served until standard input ends, as it does when the asking process dies."""
    from mixpanel_assets.simulator.server import Simulator
    from mixpanel_assets.simulator.store import Store

    with Simulator(Store(folder=Path(sys.argv[1]))) as simulator:
        sys.stdout.write(f"{simulator.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
