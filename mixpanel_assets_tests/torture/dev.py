"""A Dagster UI with its daemon, started and stopped, and asked by GraphQL."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

SECONDS_TO_START = 90
RUNS = """{runsOrError {... on Runs {results {
  id status jobName startTime endTime tags {key value}}}}}"""


@dataclass(frozen=True)
class Dev:
    """A Dagster that runs."""

    process: subprocess.Popen[bytes]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL answer."""
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"{self.url}/graphql", json=body, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def runs(self) -> list[dict[str, Any]]:
        """Every run, newest first."""
        return list(self.ask(RUNS)["runsOrError"]["results"])

    def answers(self) -> bool:
        assert self.process.poll() is None
        try:
            return bool(self.ask("{version}"))
        except httpx.TransportError:
            return False


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[Dev]:
    """The command, `mp dev` or its like, with a free port; it is stopped with Ctrl-C.

    What it says is in dev.log of the folder that it starts in.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (folder / "dev.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_heeding_interrupts,
        )
    try:
        dev = Dev(process, port)
        until(dev.answers, SECONDS_TO_START)
        yield dev
        process.send_signal(signal.SIGINT)
        process.wait(30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _heeding_interrupts() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def until(true: Callable[[], bool], seconds: float) -> None:
    """It is true, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not in {seconds} s"
        time.sleep(1)
