"""Questions about what people do, and how each tool is asked them.

Each tool's function gives the same number if it counts the same, so that answers are compared, too.
Peers read a Parquet file of the same columns; plain SQL reads `events_wide`, as an analyst would.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from mixpanel_assets_tests.benchmarks.task import Outcome, Task

FIRST = date(2026, 8, 30)
DAYS = [FIRST + timedelta(n) for n in range(91)]
CART = ("Add To Cart", "Checkout Started", "Purchase")
PATH = ("Page View", "Search", *CART)
DAY = 86_400
FUNNELS = {
    "funnel, 2 steps": (("Sign Up", "Purchase"), 14),
    "funnel, 3 steps": (CART, 1),
    "funnel, 5 steps": (PATH, 7),
}
QUESTIONS = (
    *FUNNELS,
    "funnel, 3 steps, by plan",
    "funnel, 3 steps, sessions",
    "funnel, 5 steps, totals",
    "retention by week",
    "retention by day, one event",
    "active users",
    "sessions",
    "flows",
    "people by plan and day",
    "frequency by week",
    "lifecycle",
    "attribution",
)


@dataclass(frozen=True)
class Tool:
    """Who is asked, and what."""

    says: str
    questions: Collection[str]


def ours(task: Task) -> Outcome:
    """With the spine, which is made first if it is not there."""
    from mixpanel_assets.warehouse import spine
    from mixpanel_assets.warehouse.connection import reading, writing

    path = _landed(task)
    with reading(path) as warehouse:
        missing = spine.stale_days(warehouse, "UTC")
    if missing:
        with writing(path) as warehouse:
            spine.make(warehouse, missing, "UTC")
    return _ours(path, task.question)


def ours_without(task: Task) -> Outcome:
    """In a copy of the warehouse that has no spine."""
    from mixpanel_assets.warehouse import spine
    from mixpanel_assets.warehouse.connection import writing

    copy = _landed(task).with_name("without.duckdb")
    if not copy.exists():
        shutil.copy(_landed(task), copy)
        with writing(copy) as warehouse:
            spine.drop(warehouse)
    return _ours(copy, task.question)


def _ours(path: Path, question: str) -> Outcome:
    from mixpanel_assets.warehouse.analytics import answer
    from mixpanel_assets.warehouse.connection import reading

    asked = _declared()[question]
    with reading(path, memory_limit="1GB") as warehouse:
        answer(warehouse, _small(asked), UTC)  # imports, and what Python compiles
        return _timed(lambda: _told(question, answer(warehouse, asked, UTC)))


def _small(asked: Any) -> Any:
    from dataclasses import replace

    return replace(asked, from_date="2020-01-01", to_date="2020-01-01")


def _declared() -> dict[str, Any]:
    from mixpanel_assets.questions import analytics as q

    first = str(FIRST)
    funnels = {
        name: q.Funnel([*steps], from_date=first, window=f"{days}d")
        for name, (steps, days) in FUNNELS.items()
    }
    return {
        **funnels,
        "funnel, 3 steps, by plan": q.Funnel([*CART], from_date=first, window="1d", by="plan"),
        "funnel, 3 steps, sessions": q.Funnel(
            [*CART], from_date=first, window="1d", count="sessions"
        ),
        "funnel, 5 steps, totals": q.Funnel([*PATH], from_date=first, window="7d", count="totals"),
        "retention by week": q.Retention(
            from_date=first, born="Sign Up", unit="week", interval_count=10
        ),
        "retention by day, one event": q.Retention(
            from_date=first, born="Sign Up", return_event="Purchase", interval_count=30
        ),
        "active users": q.ActiveUsers(from_date=first),
        "sessions": q.Sessions(from_date=first),
        "flows": q.Flows("Sign Up", from_date=first),
        "people by plan and day": q.Segmentation(
            "Page View", from_date=first, by="plan", type="unique"
        ),
        "frequency by week": q.Frequency(from_date=first, unit="week", addiction_unit="day"),
        "lifecycle": q.Lifecycle(from_date=first),
        "attribution": q.Attribution("Purchase", from_date=first, by="utm_source", model="linear"),
    }


def _told(question: str, answer: Any) -> list[float]:
    """A few numbers that differ if the answer does."""
    if question in FUNNELS:
        return [step.count for step in answer.steps]
    if question == "retention by week":
        people = sum(cohort.size for cohort in answer.cohorts)
        back = sum(round(c.size * (c.retention[1] or 0)) for c in answer.cohorts)
        return [people, back]
    rows = answer.to_dict().get("rows") or []
    if question == "active users":
        return [sum(row[name] for row in rows) for name in ("dau", "wau", "mau")]
    if question == "sessions":
        return [sum(row["sessions"] for row in rows)]
    if question == "people by plan and day":
        return [sum(sum(days.values()) for days in answer.series.values())]
    if question == "frequency by week":
        return [sum(counts[0] for counts in answer.data.values())]
    return []


def scan(task: Task) -> Outcome:
    """The columns of the spine that a funnel needs, read and added up."""
    from mixpanel_assets.warehouse.connection import reading

    names = ", ".join(f"'{step}'" for step in FUNNELS[task.question][0])
    query = f"""
        select sum(id), sum(ms), sum(epoch(event_date)), sum(event) from internal.spine
        where event in (select event from internal.spine_names where event_name in ({names}))
        """
    with reading(_landed(task)) as warehouse:
        return _timed(lambda: [len(warehouse.execute(query).fetchall())])


def sql(task: Task) -> Outcome:
    """Plain SQL on `events_wide`."""
    from mixpanel_assets.warehouse.connection import reading

    with reading(_landed(task)) as warehouse:
        ask = SQL[task.question]
        return _timed(lambda: [*(warehouse.execute(ask).fetchall() or [()])[0]])


def _funnel_sql(steps: tuple[str, ...], days: int) -> str:
    """Each step's first event after the one before, within the window of the first."""
    made = [
        f"s0 as (select distinct_id, min(event_time) as t, min(event_time) as t0 "
        f"from events_wide where event_name = '{steps[0]}' group by all)"
    ]
    for n, step in enumerate(steps[1:], 1):
        made.append(
            f"s{n} as (select p.distinct_id, min(e.event_time) as t, any_value(p.t0) as t0 "
            f"from s{n - 1} p join events_wide e using (distinct_id) "
            f"where e.event_name = '{step}' and e.event_time >= p.t - interval 2 seconds "
            f"and e.event_time <= p.t0 + interval {days} days group by all)"
        )
    counts = ", ".join(f"(select count(*) from s{n})" for n in range(len(steps)))
    return f"with {', '.join(made)} select {counts}"


SQL = {
    **{name: _funnel_sql(*asked) for name, asked in FUNNELS.items()},
    "retention by week": """
        with born as (
            select distinct_id, min(event_time) as t from events_wide
            where event_name = 'Sign Up' group by all),
        back as (
            select distinct distinct_id, (epoch_ms(e.event_time) - epoch_ms(t)) // 604800000 as n
            from born join events_wide e using (distinct_id)
            where e.event_time >= t and e.event_time < t + interval 77 days)
        select (select count(*) from born), (select count(*) from back where n = 1)
        """,
    "active users": """
        with days as (select distinct distinct_id, event_date as day from events_wide),
        gaps as (
            select day, lead(day) over (partition by distinct_id order by day) - day as gap
            from days),
        changes as (
            select n, day, count(*) as change
            from gaps, (values (1), (7), (30)) w(n) group by n, day
            union all
            select n, day + least(coalesce(gap, 99), n)::integer, -count(*)
            from gaps, (values (1), (7), (30)) w(n) group by 1, 2),
        active as (
            select n, day, sum(sum(change)) over (partition by n order by day) as people
            from changes group by n, day)
        select sum(people) filter (n = 1), sum(people) filter (n = 7), sum(people) filter (n = 30)
        from active where day <= date '2026-11-28'
        """,
    "sessions": """
        select count(*) filter (before is null or event_time - before >= interval 30 minutes) from (
            select event_time, lag(event_time) over (
                partition by distinct_id, event_date order by event_time) as before
            from events_wide)
        """,
    "flows": """
        with starts as (
            select distinct_id, min(event_time) as t from events_wide
            where event_name = 'Sign Up' group by all),
        after as (
            select event_name, row_number() over (
                partition by distinct_id order by e.event_time) as n, distinct_id
            from starts join events_wide e using (distinct_id)
            where e.event_time >= t and e.event_time < t + interval 30 days),
        paths as (
            select distinct_id, list(event_name order by n) as path from after
            where n <= 4 group by all)
        select path, count(*) from paths group by all order by 2 desc limit 50
        """,
    "people by plan and day": """
        select sum(people) from (
            select event_date, plan, count(distinct distinct_id) as people from events_wide
            where event_name = 'Page View' group by all)
        """,
    "frequency by week": """
        select sum(people) from (
            select week, days, count(*) as people from (
                select distinct_id, date_trunc('week', event_date) as week,
                       count(distinct event_date) as days
                from events_wide group by all)
            group by all)
        """,
}


def chdb(task: Task) -> Outcome:
    """ClickHouse in the process. Its windowFunnel counts any entry, not a person's first."""
    from chdb.session import Session

    file = f"file('{_parquet(task)}')"
    session = Session()
    query = CHDB[task.question].replace("EVENTS", file)
    session.query(f"select count() from {file}")

    def asked() -> list[float]:
        line = str(session.query(query, "TSV")).strip().splitlines()[0]
        return [int(value) for value in line.split("\t") if value.isdigit()]

    return _timed(asked)


def _funnel_chdb(steps: tuple[str, ...], days: int) -> str:
    conditions = ", ".join(f"event_name = '{step}'" for step in steps)
    counts = ", ".join(f"countIf(level >= {n})" for n in range(1, len(steps) + 1))
    names = ", ".join(f"'{step}'" for step in steps)
    return (
        f"select {counts} from (select distinct_id, windowFunnel({days * DAY})"
        f"(toDateTime(event_time), {conditions}) as level from EVENTS "
        f"where event_name in ({names}) group by distinct_id)"
    )


CHDB = {
    **{name: _funnel_chdb(*asked) for name, asked in FUNNELS.items()},
    "retention by week": """
        select count(), countIf(arrayExists(t -> intDiv(dateDiff('millisecond', born, t),
               604800000) = 1 and t >= born, times))
        from (
            select distinct_id, minIf(event_time, event_name = 'Sign Up') as born,
                   groupArray(event_time) as times, countIf(event_name = 'Sign Up') as births
            from EVENTS group by distinct_id having births > 0)
        """,
    "active users": """
        with gaps as (
            select d.1 as day, d.2 as gap from (
                select arrayJoin(arrayMap((d, n) -> (d, if(n = length(days), 99,
                       dateDiff('day', d, days[n + 1]))), days, arrayEnumerate(days))) as d
                from (select arraySort(groupUniqArray(event_date)) as days
                      from EVENTS group by distinct_id))),
        changes as (
            select arrayJoin([1, 7, 30]) as n, day, toInt64(count()) as change
            from gaps group by n, day
            union all
            select arrayJoin([1, 7, 30]) as n, day + least(gap, n) as day, -toInt64(count())
            from gaps group by n, day),
        active as (
            select n, day, sum(sum(change)) over (partition by n order by day) as people
            from changes group by n, day)
        select sumIf(people, n = 1), sumIf(people, n = 7), sumIf(people, n = 30)
        from active where day <= toDate('2026-11-28')
        """,
    "sessions": """
        select sum(length(arrayFilter(gap -> gap >= 1800000 or gap < 0,
               arrayMap((t, n) -> if(n = 1, -1, dateDiff('millisecond', times[n - 1], t)),
                        times, arrayEnumerate(times)))))
        from (
            select arraySort(groupArray(event_time)) as times
            from EVENTS group by distinct_id, event_date)
        """,
    "flows": """
        select path, count() as people from (
            select distinct_id, arrayMap(e -> e.2, arraySlice(arrayFilter(e -> e.1 >= born
                   and e.1 < born + interval 30 day,
                   arraySort(groupArray((event_time, event_name)))), 1, 4)) as path,
                   minIf(event_time, event_name = 'Sign Up') as born,
                   countIf(event_name = 'Sign Up') as births
            from EVENTS group by distinct_id having births > 0)
        group by path order by people desc limit 50
        """,
    "people by plan and day": """
        select sum(people) from (
            select event_date, plan, uniqExact(distinct_id) as people from EVENTS
            where event_name = 'Page View' group by event_date, plan)
        """,
    "frequency by week": """
        select sum(people) from (
            select week, days, count() as people from (
                select distinct_id, toMonday(event_date) as week, uniqExact(event_date) as days
                from EVENTS group by distinct_id, week)
            group by week, days)
        """,
}


def polars(task: Task) -> Outcome:
    """Lazy frames over Parquet."""
    import polars as pl

    events = pl.scan_parquet(_parquet(task))
    return _timed(lambda: _POLARS[task.question](pl, events, task.question))


def _funnel_polars(pl: Any, events: Any, question: str) -> list[float]:
    steps, days = FUNNELS[question]
    who, when = pl.col("distinct_id"), pl.col("event_time")

    def of(step: str) -> Any:
        return events.filter(pl.col("event_name") == step).select(who, when)

    reached = of(steps[0]).group_by("distinct_id").agg(when.min())
    reached = reached.with_columns(when.alias("born")).collect()
    counts = [reached.height]
    for step in steps[1:]:
        found = (
            reached.lazy()
            .join(of(step), on="distinct_id", suffix="_next")
            .filter(
                (pl.col("event_time_next") >= when - pl.duration(seconds=2))
                & (pl.col("event_time_next") <= pl.col("born") + pl.duration(days=days))
            )
            .group_by("distinct_id")
            .agg(pl.col("event_time_next").min(), pl.col("born").first())
        )
        reached = found.rename({"event_time_next": "event_time"}).collect()
        counts.append(reached.height)
    return counts


def _retention_polars(pl: Any, events: Any, _: str) -> list[float]:
    when = pl.col("event_time")
    born = events.filter(pl.col("event_name") == "Sign Up").group_by("distinct_id")
    births = born.agg(when.min().alias("born")).collect()
    week = (when - pl.col("born")).dt.total_milliseconds() // 604_800_000
    back = (
        births.lazy()
        .join(events.select("distinct_id", "event_time"), on="distinct_id")
        .filter((when >= pl.col("born")) & (week == 1))
        .select(pl.col("distinct_id").n_unique())
    )
    return [births.height, back.collect().item()]


def _sessions_polars(pl: Any, events: Any, _: str) -> list[float]:
    ordered = events.select("distinct_id", "event_date", "event_time").sort(
        "distinct_id", "event_time"
    )
    new = (
        (pl.col("distinct_id") != pl.col("distinct_id").shift())
        | (pl.col("event_date") != pl.col("event_date").shift())
        | (pl.col("event_time").diff() >= pl.duration(minutes=30))
    )
    return [ordered.select(new.fill_null(value=True).sum()).collect().item()]


def _people_polars(pl: Any, events: Any, _: str) -> list[float]:
    found = events.filter(pl.col("event_name") == "Page View").group_by("event_date", "plan")
    people = found.agg(pl.col("distinct_id").n_unique().alias("people"))
    return [people.select(pl.col("people").sum()).collect().item()]


def _frequency_polars(pl: Any, events: Any, _: str) -> list[float]:
    week = pl.col("event_date").dt.truncate("1w").alias("week")
    days = events.group_by("distinct_id", week).agg(pl.col("event_date").n_unique().alias("days"))
    return [days.group_by("week", "days").len().select(pl.col("len").sum()).collect().item()]


_POLARS: dict[str, Callable[[Any, Any, str], list[float]]] = {
    **dict.fromkeys(FUNNELS, _funnel_polars),
    "retention by week": _retention_polars,
    "sessions": _sessions_polars,
    "people by plan and day": _people_polars,
    "frequency by week": _frequency_polars,
}

TOOLS = {
    "ours": Tool("**ours**", QUESTIONS),
    "ours_without": Tool("ours, no spine", QUESTIONS),
    "scan": Tool("scan", [*FUNNELS]),
    "sql": Tool("plain SQL", SQL),
    "chdb": Tool("chdb", CHDB),
    "polars": Tool("polars", _POLARS),
}


def _landed(task: Task) -> Path:
    assert task.landed
    return task.landed


def _parquet(task: Task) -> Path:
    return _landed(task).with_suffix(".parquet")


def _timed(asked: Callable[[], list[float]]) -> Outcome:
    cpu, started = process_time(), perf_counter()
    answer = asked()
    seconds, cpu = perf_counter() - started, process_time() - cpu
    told = [int(value) for value in answer if isinstance(value, int | float)]
    return Outcome(1, seconds, more={"cpu": cpu, "answer": told})
