"""The shell sessions of the documents. A page is one shell with a local Mixpanel of its own.

python -m mixpanel_assets_tests.sessions    write what the program prints today into the pages
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.simulator.store import Store
from mixpanel_assets.simulator.world.shop import World

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "docs/get-started.md"]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SIMULATOR = "http://127.0.0.1:8123"  # where `mp simulate --profiles 3000` listens
PROFILES = 3000
PROGRESS = re.compile(r"^mp: [\d,]+ of [\d,]+ .*\n", re.MULTILINE)  # only of what takes long


@contextmanager
def reader(
    folder: Path, *, events_per_day: int = 2500, profiles: int | None = None
) -> Iterator[dict[str, str]]:
    """The environment of a person who has this package and a project, and has landed nothing."""
    first_day = Settings(folder).today() - timedelta(29)
    world = World(first_day=first_day, events_per_day=events_per_day)
    (folder / "bin").mkdir()
    mp = folder / "bin" / "mp"
    mp.write_text(f'#!/bin/sh\nexec {sys.executable} -m mixpanel_assets "$@"\n')
    mp.chmod(0o755)
    simulator = Simulator(Store(world=world))
    if profiles is not None:
        simulator.profiles.fill(profiles)
    with simulator as mixpanel:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MP_", "DAGSTER_"))}
        yield {
            **clean,
            "HOME": str(folder),
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "MP_BASE_URL": mixpanel.url,
            "MP_USERNAME": mixpanel.project.username,
            "MP_SECRET": mixpanel.project.secret,
            "MP_PROJECT_ID": mixpanel.project.project_id,
        }


def session(text: str) -> list[tuple[str, str]]:
    """Each command of a page's sessions, with what the page shows as its output."""
    entries = re.split(r"^\$ ", "".join(BLOCK.findall(text)), flags=re.MULTILINE)[1:]
    return [(line, output) for line, _, output in (one.partition("\n") for one in entries)]


def printed(commands: list[str], environment: dict[str, str]) -> list[str]:
    """What one shell prints for each of these commands, typed one after another."""
    here = environment["MP_BASE_URL"]
    script = "".join(f"{line.replace(SIMULATOR, here)}\nprintf '\\0'\n" for line in commands)
    done = subprocess.run(
        ["bash", "-c", script],
        env=environment,
        cwd=environment["HOME"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return [PROGRESS.sub("", one).replace(here, SIMULATOR) for one in done.stdout.split("\0")[:-1]]


def shape(output: str) -> str:
    """The output without what depends on the day: numbers, and the widths of columns."""
    return re.sub(r"(-)-+|( ) +", r"\1\2", re.sub(r"\d[\d,.:-]*", "0", output))


def write(page: Path, environment: dict[str, str]) -> None:
    """Replace the outputs of the page's sessions with what the program prints."""
    text = page.read_text("utf-8")
    commands = [command for command, _ in session(text)]
    outputs = iter(printed(commands, environment))

    def again(block: re.Match[str]) -> str:
        own = [command for command, _ in session(block[0])]
        return "```console\n" + "".join(f"$ {one}\n{next(outputs)}" for one in own) + "```"

    page.write_text(BLOCK.sub(again, text), "utf-8")


def main() -> None:
    for name in PAGES:
        with (
            tempfile.TemporaryDirectory() as folder,
            reader(Path(folder), profiles=PROFILES) as environment,
        ):
            write(ROOT / name, environment)


if __name__ == "__main__":
    main()
