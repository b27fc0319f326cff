"""A Mixpanel that changes its past, and what a warehouse of it should hold."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets.warehouse.connection import reading


class Past:
    """What changes a past day: imports, merged people, deletions."""

    def __init__(self, simulator: Simulator, first: date, clock: Callable[[], float]) -> None:
        self.simulator = simulator
        self.first = first
        self.clock = clock
        self.random = random.Random(7)

    def change(self, today: date) -> None:
        """Something of this happens on most days."""
        number = (today - self.first).days
        if number % 4 == 0:
            self.imports(self.first + timedelta(self.random.randrange(number - 8)), 3)
        if number % 10 == 1:
            self.imports(self.first + timedelta(3), 2)
        if number % 6 == 2:
            self.merge(today - timedelta(self.random.randrange(8, 22)))
        if number % 9 == 5:
            self.delete(today - timedelta(self.random.randrange(8, 22)))

    def imports(self, day: date, count: int) -> None:
        """Events of that day are imported now."""
        at = int(datetime(day.year, day.month, day.day, 9, tzinfo=UTC).timestamp())
        events = [
            {
                "event": "Imported",
                "properties": {
                    "time": at + n,
                    "distinct_id": f"crm-{n}",
                    "$insert_id": f"crm-{self.random.getrandbits(40):x}",
                },
            }
            for n in range(count)
        ]
        project = self.simulator.project
        answer = httpx.post(
            f"{self.simulator.url}/import",
            params={"project_id": project.project_id},
            json=events,
            auth=(project.username, project.secret),
        )
        assert answer.status_code == 200, answer.text

    def merge(self, day: date) -> None:
        """A device of that day turns out to be a person: Mixpanel exports its events as hers."""
        records = [json.loads(line) for line in self.lines(day)]
        ids = sorted({str(r["properties"].get("distinct_id")) for r in records})
        anonymous = next((i for i in ids if i.startswith("$device:")), ids[0])
        for record in records:
            if record["properties"].get("distinct_id") == anonymous:
                record["properties"] |= {"distinct_id": "merged", "$is_reshuffled": True}
        self.simulator.store.set_day(day, records)

    def delete(self, day: date) -> None:
        """An event's records of that day are deleted."""
        records = [json.loads(line) for line in self.lines(day)]
        name = Counter(record["event"] for record in records).most_common(1)[0][0]
        self.simulator.store.set_day(day, [r for r in records if r["event"] != name])

    def lines(self, day: date) -> Iterable[bytes]:
        return self.simulator.store.lines(day, self.clock())


def truth(simulator: Simulator, day: date, now: float) -> list[str]:
    """The day's events by Mixpanel's own rule for duplicates, each as text."""
    newest: dict[Any, Any] = {}
    for number, line in enumerate(simulator.store.lines(day, now)):
        properties = (record := json.loads(line))["properties"]
        key: Any = number
        if properties.get("$insert_id"):
            names = ("distinct_id", "time", "$insert_id")
            key = (record["event"], *(properties.get(name) for name in names))
        came_in = properties["mp_processing_time_ms"]
        if key not in newest or came_in > newest[key]["properties"]["mp_processing_time_ms"]:
            newest[key] = record
    return sorted(_text(one["event"], one["properties"]) for one in newest.values())


def held(path: Path) -> dict[date, list[str]]:
    """The same of every day of the warehouse."""
    found: dict[date, list[str]] = {}
    with reading(path) as warehouse:
        for day, event, properties in warehouse.execute(
            "select event_date, event_name, properties from events"
        ).fetchall():
            found.setdefault(day, []).append(_text(event, json.loads(properties)))
    return {day: sorted(texts) for day, texts in found.items()}


def _text(event: str, properties: Any) -> str:
    return json.dumps([event, properties], sort_keys=True)
