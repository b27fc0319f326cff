"""The clients that judge, and what each is asked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from mixpanel_assets_tests.judges import comparing
from mixpanel_assets_tests.judges.comparing import Verdict, judged, only
from mixpanel_assets_tests.judges.questions import questions
from mixpanel_assets_tests.judges.stage import Stage

Answers = Mapping[str, dict[str, Any]]
Ask = Callable[[list[dict[str, Any]]], tuple[str, Answers]]
Found = tuple[str, list[Verdict]]

COUNTED = "select day::varchar, rows + duplicates from landed where dataset = 'events' order by 1"
ALL_EVENTS = "select event_name, properties from events"
COUNT_BY_EVENT = """
    select event_name, event_date::varchar, count(*) from events group by all"""
JQL = """function main() {
  return Events({from_date: "FIRST", to_date: "LAST", event_selectors: [{event: "Purchase"}]})
    .groupBy(["properties.plan"], mixpanel.reducer.count());
}"""


@dataclass(frozen=True)
class Judge:
    """A client: its package, its script, and what we say of its answers."""

    package: str
    script: str
    judge: Callable[[Stage, Ask], Found]
    empty: bool = False  # it fills its Mixpanel itself


def sit(judge: Judge, stage: Stage, python: Path) -> Found:
    """The client's version, and how its answers compare with ours."""

    def ask(asked: list[dict[str, Any]]) -> tuple[str, Answers]:
        return stage.asked(python, judge.package, judge.script, asked)

    return judge.judge(stage, ask)


def _headless(stage: Stage, ask: Ask) -> Found:
    asked = questions(stage)
    version, answers = ask([one.to_dict() for one in asked])
    name = "mixpanel-headless"
    found = [*_raw_events(name, stage, answers["raw events"])]
    found.append(_raw_profiles(name, stage, answers["raw profiles"]))
    for one in asked:
        found.append(
            judged(
                name,
                one.name,
                answers[one.name],
                partial(one.ours, stage),
                one.canonical,
                one.reason,
            )
        )
    return version, found


def _utils(stage: Stage, ask: Ask) -> Found:
    script = JQL.replace("FIRST", str(stage.first)).replace("LAST", str(stage.last))
    paying = {"where": 'properties["plan"] != "free"'}
    version, answers = ask(
        [
            {"name": "query_jql", "method": "query_jql", "args": [script], "options": {}},
            {
                "name": "query_engage where",
                "method": "query_engage",
                "args": [paying],
                "options": {},
            },
        ]
    )
    name = "mixpanel-utils"
    found = [*_raw_events(name, stage, answers["raw events"])]
    found += _raw_events(name, stage, answers["raw events, gzipped"], says=", gzipped")
    found.append(_raw_profiles(name, stage, answers["raw profiles"]))
    found.append(
        _raw_profiles(
            name, stage, answers["query_engage where"], "where plan != 'free'", ", paying"
        )
    )

    def ours() -> Any:
        return stage.workspace.jql(script).raw

    found.append(judged(name, "query_jql by plan", answers["query_jql"], ours, comparing.unordered))
    return version, found


def _raw_events(
    client: str, stage: Stage, theirs: dict[str, Any], says: str = ""
) -> Iterator[Verdict]:
    def a_day(value: Any) -> Any:
        return value if isinstance(value, dict) else comparing.days(value)

    def by_event(value: Any) -> Any:
        return comparing.series(value) if isinstance(value, dict) else comparing.events(value)

    def pivot() -> Any:
        found: dict[str, dict[str, int]] = {}
        for event, day, count in stage.rows(COUNT_BY_EVENT):
            found.setdefault(event, {})[day] = count
        return found

    yield judged(client, f"export: records a day{says}", theirs, lambda: _a_day(stage), a_day)
    yield judged(
        client, f"export: of each event a day, without duplicates{says}", theirs, pivot, by_event
    )
    yield judged(
        client, f"export: content{says}", theirs, lambda: _exported(stage), comparing.contents
    )


def _a_day(stage: Stage) -> dict[str, int]:
    return dict(stage.rows(COUNTED))


def _exported(stage: Stage) -> list[dict[str, Any]]:
    rows = stage.rows(ALL_EVENTS)
    return [{"event": name, "properties": json.loads(own)} for name, own in rows]


def _raw_profiles(
    client: str, stage: Stage, theirs: dict[str, Any], where: str = "", says: str = ""
) -> Verdict:
    def ours() -> list[dict[str, Any]]:
        rows = stage.rows(f"select distinct_id, properties from profiles {where}")
        return [{"$distinct_id": who, "$properties": json.loads(own)} for who, own in rows]

    return judged(client, f"profiles: content{says}", theirs, ours, _profiles)


def _profiles(records: Any) -> list[Any]:
    return sorted(comparing.profiles(records).items())


def _tap(stage: Stage, ask: Ask) -> Found:
    version, answers = ask([])
    name = "tap-mixpanel"
    plan = "select distinct_id, properties->>'$.plan' from profiles"

    def members(value: Any) -> Any:
        return dict(sorted(Counter(str(one["cohort_id"]) for one in value).items()))

    def counts() -> Any:
        return [
            {"cohort_id": one.id}
            for one in stage.workspace.cohorts()
            for _ in range(one.count or 0)
        ]

    def profiles() -> Any:
        return [{"distinct_id": who, "plan": own} for who, own in stage.rows(plan)]

    fields = only("distinct_id", "plan")
    listed = only("id", "name", "count", "description")
    return version, [
        judged(name, "export: records a day", answers["export"], lambda: _a_day(stage), _tap_days),
        judged(
            name,
            "export: who, when, $insert_id, plan and $browser",
            answers["export"],
            lambda: _exported(stage),
            _tap_events,
        ),
        judged(name, "engage: who, and plan", answers["engage"], profiles, fields),
        judged(
            name, "funnels: steps a day", answers["funnels"], lambda: _steps(stage), _tap_funnels
        ),
        judged(
            name,
            "cohorts",
            answers["cohorts"],
            lambda: stage.workspace.cohorts().to_dicts(),
            listed,
        ),
        judged(name, "cohort_members: how many", answers["cohort_members"], counts, members),
    ]


def _tap_events(records: Any) -> list[str]:
    """A few properties of each event, from records as the tap flattens them or as they were."""
    raw = [one if "properties" in one else _unflattened(one) for one in records]
    names = ("distinct_id", "$insert_id", "plan", "$browser", "mp_processing_time_ms", "time")
    few = [
        {**one, "properties": {n: v for n, v in one["properties"].items() if n in names}}
        for one in raw
    ]
    return comparing.contents(few)


def _tap_days(value: Any) -> Any:
    return value if isinstance(value, dict) else comparing.days(map(_unflattened, value))


def _unflattened(record: dict[str, Any]) -> dict[str, Any]:
    own = {
        re.sub("^mp_reserved_", "$", name): value
        for name, value in record.items()
        if name != "event" and value is not None
    }
    own["time"] = int(datetime.fromisoformat(own["time"]).timestamp())
    if "mp_processing_time_ms" in own:
        own["mp_processing_time_ms"] = int(own["mp_processing_time_ms"])
    return {"event": record["event"], "properties": own}


def _tap_funnels(records: Any) -> dict[str, Any]:
    return {
        f"{one['funnel_id']} {one['date']}": [
            [step["event"], step["count"]] for step in one["steps"]
        ]
        for one in records
    }


def _steps(stage: Stage) -> list[dict[str, Any]]:
    return [
        {**part, "funnel_id": funnel.id}
        for funnel in stage.simulator.funnels
        for part in stage.workspace.funnel(funnel.id, unit="day", **stage.days).to_dict()["parts"]
    ]


def _sdk(stage: Stage, ask: Ask) -> Found:
    version, answers = ask([])
    name = "mixpanel"

    def landed(pattern: str, *own: str) -> Any:
        sent = f"select event_name, distinct_id, properties from events where event_name {pattern}"
        rows = stage.rows(sent)
        return [[event, who, _chosen(json.loads(text), own)] for event, who, text in rows]

    sent = ("city", "list", "nested", "none", "n", "$insert_id")

    def profiles() -> Any:
        rows = stage.rows("select distinct_id, properties from profiles")
        return {who: _chosen(json.loads(text), (*sent, "visits")) for who, text in rows}

    return version, [
        judged(
            name,
            "/track: content",
            answers["tracked events"],
            lambda: landed("like 'Tracked%'", *sent),
            comparing.unordered,
        ),
        judged(
            name,
            "/import: content",
            answers["imported events"],
            lambda: landed("= 'Imported'", *sent, "time"),
            comparing.unordered,
        ),
        judged(name, "/engage: content", answers["profiles"], profiles),
    ]


def _chosen(properties: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    time = {"time": properties["time"] // 1000} if "time" in names else {}
    return {name: properties[name] for name in names if name in properties} | time


LINEUP = (
    Judge("mixpanel-headless", "headless", _headless),
    Judge("mixpanel-utils", "utils", _utils),
    Judge("tap-mixpanel", "tap", _tap),
    Judge("mixpanel", "sdk", _sdk, empty=True),
)
