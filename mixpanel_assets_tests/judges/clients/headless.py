"""mixpanel-headless, whose environment variables name another host."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mixpanel_assets_tests.judges.clients.asked import Task, answer


def questions(task: Task) -> dict[str, Callable[[], Any]]:
    """Its raw streams, and methods of its Workspace."""
    from mixpanel_headless import Workspace

    workspace = Workspace()
    days = {"from_date": task["first"], "to_date": task["last"]}
    return {
        "raw events": lambda: list(workspace.stream_events(**days, raw=True)),
        "raw profiles": lambda: list(workspace.stream_profiles(raw=True)),
        **{
            one["name"]: partial(getattr(workspace, one["method"]), *one["args"], **one["options"])
            for one in task["questions"]
        },
    }


if __name__ == "__main__":
    answer(questions)
