"""tap-mixpanel, which knows https hosts only: an adapter of its session goes to the loopback."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from mixpanel_assets_tests.judges.clients.asked import Task, answer

STREAMS = ("export", "engage", "funnels", "cohorts", "cohort_members")


def questions(task: Task) -> dict[str, Callable[[], Any]]:
    """The records of each of its streams but annotations, whose old address nobody documents."""
    return {name: partial(_records, task, name) for name in STREAMS}


def _records(task: Task, stream: str) -> Any:
    from singer.metadata import to_list, to_map, write
    from tap_mixpanel.discover import discover
    from tap_mixpanel.sync import sync

    config = {
        "project_timezone": "UTC",
        "attribution_window": "5",
        "select_properties_by_default": "true",
        "start_date": f"{task['first']}T00:00:00Z",
        "end_date": f"{task['last']}T23:59:59Z",
    }
    client = _client(task)
    catalog = discover(client, "true")
    for entry in catalog.streams:
        chosen = write(to_map(entry.metadata), (), "selected", entry.stream == stream)
        entry.metadata = to_list(chosen)
    with redirect_stdout(io.StringIO()) as out:
        sync(client, config, catalog, {}, config["start_date"])
    found = defaultdict(list)
    for line in out.getvalue().splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            found[message["stream"]].append(message["record"])
    return found[stream]


def _client(task: Task) -> Any:
    """A client of a service account: what it takes for a secret goes into the header as it is."""
    import requests
    from tap_mixpanel.client import MixpanelClient

    class Loopback(requests.adapters.HTTPAdapter):
        def send(self, request: Any, *arguments: Any, **options: Any) -> Any:
            asked = urlsplit(request.url)
            request.url = f"{task['url']}{asked.path}?{asked.query}"
            request.prepare_url(request.url, {"project_id": task["project_id"]})
            return super().send(request, *arguments, **options)

    client = MixpanelClient(f"{task['username']}:{task['secret']}", "mixpanel.com", 60)
    client._MixpanelClient__session.mount("https://", Loopback())
    setattr(client, "__api_domain", "mixpanel.com")  # as its own main() does
    return client


if __name__ == "__main__":
    answer(questions)
