"""What an agent reads before it can ask, in tokens: `python -m mixpanel_assets_tests.agents`."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mixpanel_assets.mcp.server import build
from mixpanel_assets.mcp.tools import INSTRUCTIONS, Service
from mixpanel_assets.skill import text_of
from mixpanel_assets_tests.documents import put_into
from mixpanel_assets_tests.tokens import tokens

PAGE = Path(__file__).parents[1] / "docs" / "agents.md"
COMMANDS = ("mp --help", "mp sql --help", "mp ask funnel --help", "mp spec sql")


def tool_definitions() -> str:
    """The definitions of all tools, as a client gets them."""
    import anyio
    from mcp import Client

    async def listed() -> str:
        async with Client(build(Service(), allow_land=True)) as client:
            found = (await client.list_tools()).tools
            return json.dumps(
                [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in found]
            )

    return anyio.run(listed)


def costs(run: "Run") -> Iterator[tuple[str, int, int]]:
    """What is read, its bytes and its tokens."""
    texts = {
        "MCP: the definitions of all tools": tool_definitions(),
        "MCP: the server's instructions": INSTRUCTIONS,
        "SKILL.md": text_of("SKILL.md"),
        **{f"`{line}`": run(line) for line in COMMANDS},
        "`mp inspect overview`: 8 events (the demo)": run.overview(0, 0),
        "`mp inspect overview`: 300 events, 2,000 properties": run.overview(300, 2000),
    }
    for name, text in texts.items():
        yield name, len(text.encode()), tokens(text)


class Run:
    """Runs `mp` in a home of its own, on a simulated project."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, line: str, **environment: str) -> str:
        command = [sys.executable, "-m", "mixpanel_assets", *line.split()[1:]]
        env = {"HOME": str(self._folder), "PATH": "/usr/bin:/bin", "COLUMNS": "100", **environment}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        return done.stdout

    def overview(self, events: int, properties: int) -> str:
        """The overview of three landed days of a project with so many names."""
        from mixpanel_assets.simulator.project import Project

        project, home = Project(), self._folder / f"home-{events}"
        options = ["--events", str(events), "--properties", str(properties)] if events else []
        command = [
            sys.executable,
            "-m",
            "mixpanel_assets",
            "simulate",
            "--port",
            "0",
            "--days",
            "3",
        ]
        with subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as simulator:
            assert simulator.stdout
            url = ""
            while not url:
                line = simulator.stdout.readline()
                assert line, "the simulator has ended"
                url = line.partition("MP_BASE_URL=")[2].partition(" ")[0]
            environment = {
                "MP_HOME": str(home),
                "MP_BASE_URL": url,
                "MP_USERNAME": project.username,
                "MP_SECRET": project.secret,
                "MP_PROJECT_ID": project.project_id,
            }
            self("mp materialize events --from 3d --to yesterday", **environment)
            text = self("mp inspect overview", **environment)
            simulator.terminate()
        return text


def main() -> None:
    """The table is in the page."""
    with tempfile.TemporaryDirectory(prefix="mixpanel-assets-") as folder:
        rows = [
            f"| {name} | {size:,} | {count:,} |" for name, size, count in costs(Run(Path(folder)))
        ]
    put_into(
        PAGE,
        "\n".join(["| what is read | bytes | tokens |", "| --- | --- | --- |", *rows]),
        "tokens",
    )


if __name__ == "__main__":
    main()
