"""mixpanel, the official SDK: what it sends is what has to be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mixpanel_assets_tests.judges.clients.asked import Task, answer

ODD = {"city": "Łódź 🌙", "list": [1, "two", None], "nested": {"a": {"b": 1.5}}, "none": None}


def questions(task: Task) -> dict[str, Callable[[], Any]]:
    """What was sent: events by /track and by /import, and profiles."""
    import mixpanel

    hosts = {name: f"{task['url']}/{path}" for name, path in _PATHS.items()}
    account = mixpanel.ServiceAccountCredentials(
        task["username"], task["secret"], task["project_id"]
    )
    client = mixpanel.Mixpanel(task["token"], mixpanel.Consumer(**hosts, credentials=account))

    def tracked() -> list[Any]:
        sent = []
        for number in range(200):
            properties = {**ODD, "n": number, "$insert_id": f"track-{number}"}
            client.track(f"user-{number % 7}", f"Tracked {number % 3}", properties)
            sent.append([f"Tracked {number % 3}", f"user-{number % 7}", properties])
        return sent

    def imported() -> list[Any]:
        sent = []
        for number in range(200):
            properties = {**ODD, "n": number, "$insert_id": f"import-{number}"}
            client.import_data(None, "ann", "Imported", task["noon"] + number, dict(properties))
            sent.append(["Imported", "ann", {**properties, "time": task["noon"] + number}])
        return sent

    def profiles() -> dict[str, Any]:
        for number in range(50):
            client.people_set(f"user-{number}", {**ODD, "n": number})
            client.people_increment(f"user-{number}", {"n": 2})
            client.people_append(f"user-{number}", {"visits": number})
        return {
            f"user-{number}": {**ODD, "n": number + 2, "visits": [number]} for number in range(50)
        }

    return {"tracked events": tracked, "imported events": imported, "profiles": profiles}


_PATHS = {
    "events_url": "track",
    "people_url": "engage",
    "import_url": "import",
    "groups_url": "groups",
}

if __name__ == "__main__":
    answer(questions)
