"""The tool that lands: `mp materialize events` in a process of its own, which outlives the call."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
from anyio import to_thread

from mixpanel_assets.errors import MixpanelDataError, UsageError
from mixpanel_assets.mcp import replies
from mixpanel_assets.mcp.tools import DAY, Service
from mixpanel_assets.settings import make_private_folder

PATIENCE = 45.0  # seconds of a call; the load goes on
DAYS = {"from": DAY, "to": DAY, "missing": {"type": "boolean"}}
LAND = types.Tool(
    name="land",
    description="Land days of events from Mixpanel. What takes over 45 s goes on: see status.",
    input_schema={"type": "object", "properties": DAYS, "required": ["from"]},
    annotations=types.ToolAnnotations(
        read_only_hint=False, destructive_hint=False, idempotent_hint=True
    ),
)


async def land(service: Service, given: Mapping[str, Any], session: Any) -> str:
    """Land the days; what was landed, or that it goes on."""
    for name in given:
        if name not in DAYS:
            raise UsageError(f"land has no parameter {name}", hint="land takes from, to, missing")
    if not given.get("from"):
        raise UsageError("from is missing", hint="land takes from, to, missing")
    missing = bool(given.get("missing"))
    with service.workspace() as ws:
        plan = ws.plan_events(given["from"], given.get("to"), missing=missing)
        folder = ws.settings.home / "logs"
    if not plan.days:
        return "# all of these days are landed\n"
    make_private_folder(folder)
    account = ["--account", service.account] if service.account else []
    command = [
        *(sys.executable, "-m", "mixpanel_assets", *account, "materialize", "events"),
        *("--from", str(plan.from_date), "--to", str(plan.to_date)),
        *(["--missing"] if missing else []),
    ]
    running = await to_thread.run_sync(partial(_Running.start, command, folder))
    ends, told = anyio.current_time() + PATIENCE, ""
    while running.process.poll() is None:
        if anyio.current_time() > ends:
            return f"# still landing {plan.from_date} to {plan.to_date}: see status for its days\n"
        if (line := running.progress()) != told:
            told = line
            await session.report_progress(anyio.current_time(), None, told)
        await anyio.sleep(0.2)
    return running.reply()


@dataclass(frozen=True)
class _Running:
    """A process, and the files that it writes to."""

    process: subprocess.Popen[bytes]
    out: Path
    log: Path

    @classmethod
    def start(cls, command: list[str], folder: Path) -> _Running:
        out, log = (folder / f"land-{secrets.token_hex(4)}.{end}" for end in ("json", "log"))
        for file in (out, log):
            file.touch(mode=0o600)
        with out.open("wb") as stdout, log.open("wb") as stderr:
            process = subprocess.Popen(  # noqa: S603  ourselves
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        return cls(process, out, log)

    def progress(self) -> str:
        """The last line that it has said."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return lines[-1][:200] if lines and not lines[-1].startswith("{") else ""

    def reply(self) -> str:
        """What it landed, once it has ended; the error that it ended with."""
        try:
            if self.process.returncode:
                raise _failure(self.log)
            landed = json.loads(self.out.read_text("utf-8"))
        finally:
            self.out.unlink(missing_ok=True)
            self.log.unlink(missing_ok=True)
        said = [f"{name}={landed[name]}" for name in ("rows", "duplicates", "requests", "run_id")]
        rows = [[one["day"], one["rows"], one["partial"]] for one in landed["partitions"]]
        return replies.of_rows(["day", "rows", "partial"], rows, [", ".join(said)])


def _failure(log: Path) -> MixpanelDataError:
    """The error on the last line of the log."""
    lines = log.read_text("utf-8", "replace").splitlines()
    try:
        said = json.loads(lines[-1])["error"]
    except (IndexError, ValueError, KeyError, TypeError):
        return MixpanelDataError("landing failed", hint="run mp materialize events to see why")
    error = MixpanelDataError(said["message"], hint=said["hint"])
    error.code = said["code"]
    return error
