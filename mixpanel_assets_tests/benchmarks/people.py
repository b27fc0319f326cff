"""Questions about what people do: ours beside plain SQL, chdb and polars on the same events.

`python -m mixpanel_assets_tests.benchmarks.people` makes the events, once, and prints the tables.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from mixpanel_assets.warehouse.connection import writing
from mixpanel_assets.warehouse.load.create import create_tables
from mixpanel_assets.warehouse.sql import Connection
from mixpanel_assets_tests.benchmarks import report
from mixpanel_assets_tests.benchmarks.asked import DAYS, QUESTIONS, TOOLS
from mixpanel_assets_tests.benchmarks.goals import Goal
from mixpanel_assets_tests.benchmarks.measure import Measurement, measured, median, python_with
from mixpanel_assets_tests.benchmarks.suite import say
from mixpanel_assets_tests.benchmarks.task import Task
from mixpanel_assets_tests.documents import machine_facts, put_into

EVENTS, PEOPLE = 10_000_000, 1_300_000
RUNS = 3
NEEDS = {"chdb": "chdb", "polars": "polars"}
Took = dict[tuple[str, str], Measurement]  # by question and tool


def main(arguments: Sequence[str] | None = None) -> int:
    """Tables are printed, and put into a document if one is named; 1 if one of ours failed."""
    given = _parser().parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    warehouse = given.folder / "people.duckdb"
    if not warehouse.exists():
        say(f"making {given.events:,} events")
        made = warehouse.with_suffix(".new")
        made.unlink(missing_ok=True)
        make(made, given.events, given.people)
        made.rename(warehouse)
    with tempfile.TemporaryDirectory(prefix="mixpanel-assets-") as scratch:
        took = _measure(given, warehouse, Path(scratch))
    text = "\n\n".join([machine_facts(), *_sections(took)])
    if given.write:
        put_into(given.write, text, "people")
    sys.stdout.write(f"{text}\n")
    return int(any(one.problem for (_, tool), one in took.items() if tool.startswith("ours")))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mixpanel_assets_tests.benchmarks.people", description=__doc__
    )
    add = parser.add_argument
    add("folder", type=Path, help="where the events are, or are made")
    add("--events", type=int, default=EVENTS)
    add("--people", type=int, default=PEOPLE)
    add("--only", type=lambda text: text.split(","), default=[*TOOLS], help="some of the tools")
    add("--questions", type=lambda text: text.split(","), default=[*QUESTIONS])
    add("--runs", type=int, default=RUNS)
    add("--write", type=Path, help="a document with markers for the section to replace")
    add("--tools-python", help="an interpreter that has chdb and polars")
    return parser


def make(path: Path, events: int, people: int) -> None:
    """The events are in a warehouse as if they had been landed, and in a Parquet file beside it.

    People differ in how much they do, and nobody's next event depends on the one before.
    """
    columns = {"plan": "VARCHAR", "amount": "DOUBLE", "utm_source": "VARCHAR"}
    with writing(path, memory_limit="6GB") as warehouse:
        create_tables(warehouse)
        for name, kind in columns.items():
            warehouse.execute(f"alter table events_wide add column {name} {kind}")
            warehouse.execute(
                "insert into internal.property_columns by name select ? as property, "
                "? as column_name, ? as type, true as physical, 'events' as dataset",
                [name, name, kind],
            )
        warehouse.execute("select setseed(0.42)")
        for day in DAYS:
            _make_day(warehouse, day, events // len(DAYS), people)
        warehouse.execute(
            f"copy (select * exclude (properties) from events_wide) "
            f"to '{path.parent / 'people.parquet'}' (compression zstd)"
        )


def _make_day(warehouse: Connection, day: date, events: int, people: int) -> None:
    # A person's number is random twice, so that some are far more active than others.
    warehouse.execute(
        f"""
        insert into events_wide by name
        select date '{day}' as event_date, event_name,
               make_timestamptz(epoch_us(timestamp '{day}') + ms * 1000) as event_time,
               'user-' || lpad(person::varchar, 9, '0') as distinct_id,
               case when event_name = 'Purchase' then random() * 200 end as amount,
               ['free', 'starter', 'team', 'business'][1 + person % 4] as plan,
               case when random() < 0.3
                    then ['google', 'news', 'search', 'video'][1 + ms % 4] end as utm_source,
               '{{}}'::json as properties
        from (
            select (p * q * {people})::bigint as person, (random() * 86399999)::bigint as ms,
                   case when e < 0.55 then 'Page View' when e < 0.75 then 'Search'
                        when e < 0.87 then 'Add To Cart' when e < 0.93 then 'Checkout Started'
                        when e < 0.96 then 'Purchase' when e < 0.99 then 'Sign Up'
                        else 'Support' end as event_name
            from (select random() as e, random() as p, random() as q from range({events}))
        )
        """
    )
    warehouse.execute(
        f"insert into landed by name select 'events' as dataset, date '{day}' as day, "
        f"{events} as rows, 0 as duplicates, 0 as bytes, 'none' as file, now() as exported_at, "
        "now() as loaded_at, false as partial, 0 as repaired"
    )


def _measure(given: argparse.Namespace, warehouse: Path, folder: Path) -> Took:
    """Each question by each tool in a process of its own; tools take turns."""
    pythons = tuple(filter(None, (sys.executable, given.tools_python)))
    runs: dict[tuple[str, str], list[Measurement]] = {}
    for turn in range(given.runs):
        for question in given.questions:
            for tool in given.only:
                scratch = folder / f"{turn}-{question}-{tool}".replace(" ", "-")
                if question not in TOOLS[tool].questions:
                    continue
                python = python_with(NEEDS.get(tool, ""), pythons)
                if python is None:
                    runs[question, tool] = [Measurement(problem=f"no {tool} here")]
                    continue
                task = Task(tool, scratch, (), landed=warehouse, question=question)
                took = measured(task, python)
                say(f"{question}, {tool}: {took.problem or took.more}")
                runs.setdefault((question, tool), []).append(took)
    return {key: median(found) for key, found in runs.items()}


def _sections(took: Took) -> list[str]:
    tools = [tool for tool in TOOLS if any(tool == one for _, one in took)]
    head = ["question", *(TOOLS[tool].says for tool in tools), "seconds", "peak RSS MB"]
    rows = []
    for question in dict.fromkeys(question for question, _ in took):
        ours = took.get((question, "ours"))
        rows.append(
            [
                question,
                *(_cpu(took.get((question, tool)), ours) for tool in tools),
                f"{ours.seconds:.2f}" if ours else "–",
                f"{ours.peak_bytes / 1e6:,.0f}" if ours else "–",
            ]
        )
    goals = _goals(took)
    missed = [goal for goal in goals if not goal.met]
    return [
        report.table(head, rows),
        f"{len(goals) - len(missed)} of {len(goals)} goals are met.",
        *([report.goals_table(missed)] if missed else []),
    ]


def _cpu(took: Measurement | None, ours: Measurement | None) -> str:
    if took is None or took.problem:
        return took.problem if took else "–"
    same = ours is None or ours.more["answer"] == took.more["answer"]
    return f"{took.more['cpu']:.2f}" + ("" if same else " *")


def _goals(took: Took) -> list[Goal]:
    found = []
    for (question, tool), one in took.items():
        if one.problem:
            continue
        if tool == "ours":
            found.append(Goal(f"{question}, seconds", one.seconds, 2, at_least=False))
            found.append(Goal(f"{question}, MB", one.peak_bytes / 1e6, 1000, at_least=False))
        elif tool == "ours_without":
            says = f"{question} without the spine, seconds"
            found.append(Goal(says, one.seconds, 4, at_least=False))
        elif tool == "chdb" and (ours := took.get((question, "ours"))):
            ratio = ours.more["cpu"] / one.more["cpu"]
            found.append(Goal(f"{question}, CPU of chdb's", ratio, 0.6, at_least=False))
        elif tool == "scan" and (ours := took.get((question, "ours"))):
            ratio = ours.more["cpu"] / one.more["cpu"]
            found.append(Goal(f"{question}, CPU of the scan's", ratio, 3, at_least=False))
    return found


if __name__ == "__main__":
    sys.exit(main())
