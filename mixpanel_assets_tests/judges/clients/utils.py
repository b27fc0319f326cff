"""mixpanel-utils, whose hosts are attributes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mixpanel_assets_tests.judges.clients.asked import Task, answer


def questions(task: Task) -> dict[str, Callable[[], Any]]:
    """Its raw export, plain and gzipped, its profiles, and other methods."""
    from mixpanel_utils import MixpanelUtils

    client = MixpanelUtils(
        task["secret"], service_account_username=task["username"], project_id=task["project_id"]
    )
    client.raw_api = client.formatted_api = f"{task['url']}/api"
    days = {"from_date": task["first"], "to_date": task["last"]}
    return {
        "raw events": lambda: client.query_export(dict(days)),
        "raw events, gzipped": lambda: client.query_export(dict(days), add_gzip_header=True),
        "raw profiles": client.query_engage,
        **{
            one["name"]: partial(getattr(client, one["method"]), *one["args"], **one["options"])
            for one in task["questions"]
        },
    }


if __name__ == "__main__":
    answer(questions)
