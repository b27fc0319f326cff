"""The same two questions to typed columns and to a JSON column."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import duckdb

from mixpanel_assets.settings import Settings
from mixpanel_assets.simulator.project import Project
from mixpanel_assets.warehouse.connection import reading
from mixpanel_assets.warehouse.sql import literal, quoted
from mixpanel_assets_tests.benchmarks.task import Outcome, Task

RUNS = 5
Ask = Callable[[str], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Subject:
    """An event with a string property and a number to ask about."""

    event: str
    text: str
    text_column: str
    value: str
    number: str
    number_column: str


def queries(task: Task) -> Outcome:
    """Both questions were answered by both layouts, some times each."""
    assert task.landed
    assert task.plain
    settings = Settings(home=task.landed / "home")
    path = settings.warehouse_path(Project().project_id)
    started = perf_counter()
    with (
        reading(path) as typed,
        duckdb.connect(str(task.plain), read_only=True) as plain,
    ):
        subject = _subject(_asking(typed))
        asked = {
            f"group by `{subject.text}`": (_grouped_typed(subject), _grouped_json(subject)),
            f"sum of `{subject.number}` where `{subject.text}` is `{subject.value}`": (
                _summed_typed(subject),
                _summed_json(subject),
            ),
        }
        rows = [
            {"question": question, "typed": _seconds(typed, ours), "json": _seconds(plain, theirs)}
            for question, (ours, theirs) in asked.items()
        ]
        counted = _asking(typed)("select count(*) from events_wide")[0][0]
    return Outcome(counted, perf_counter() - started, more={"rows": rows})


def _asking(connection: duckdb.DuckDBPyConnection) -> Ask:
    return lambda sql: connection.execute(sql).fetchall()


def _subject(ask: Ask) -> Subject:
    """What most events carry; `plan` and `amount` where there are such."""
    event, number, number_column = ask(
        """
        select event_name, property, column_name from event_properties
        where physical and type in ('DOUBLE', 'BIGINT') and property not like '%mp_%'
        order by property in ('amount', 'delay') desc, event_name = 'Purchase' desc, events desc
        limit 1
        """
    )[0]
    text, text_column = ask(
        f"""
        select property, column_name from event_properties
        where physical and type = 'VARCHAR' and event_name = {literal(event)}
        order by property in ('plan', 'origin') desc, events desc limit 1
        """
    )[0]
    value = ask(
        f"select {quoted(text_column)} from events_wide where event_name = {literal(event)} "
        f"and {quoted(text_column)} is not null group by 1 order by count(*) desc limit 1"
    )[0][0]
    return Subject(event, text, text_column, value, number, number_column)


def _grouped_typed(subject: Subject) -> str:
    return f"select {quoted(subject.text_column)}, count(*) from events_wide group by 1"


def _grouped_json(subject: Subject) -> str:
    return f"select {_path(subject.text)}, count(*) from events group by 1"


def _summed_typed(subject: Subject) -> str:
    return (
        f"select round(sum({quoted(subject.number_column)}), 2) "
        f"from by_event.{quoted(subject.event)} "
        f"where {quoted(subject.text_column)} = {literal(subject.value)}"
    )


def _summed_json(subject: Subject) -> str:
    return (
        f"select round(sum(({_path(subject.number)})::double), 2) from events "
        f"where event = {literal(subject.event)} "
        f"and {_path(subject.text)} = {literal(subject.value)}"
    )


def _path(name: str) -> str:
    pointer = '$."' + name + '"'
    return f"properties->>{literal(pointer)}"


def _seconds(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    """The median of the runs after a first one, which finds the file unread."""
    ask = _asking(connection)
    ask(sql)
    taken = []
    for _ in range(RUNS):
        started = perf_counter()
        ask(sql)
        taken.append(perf_counter() - started)
    return statistics.median(taken)
