"""What values look like: ids, currencies, times, shapes, and marks of tests, bots and staff.

One pass over a sample, the same each time: SAMPLED rows, or more for LEAST_SAMPLED of each event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mixpanel_assets.warehouse.ask.carried import Landscape, columns_of, is_reserved
from mixpanel_assets.warehouse.ask.oddities import Oddity, name_in_text, percent
from mixpanel_assets.warehouse.numbers import stored_values
from mixpanel_assets.warehouse.sql import Connection, literal, quoted
from mixpanel_assets.warehouse.tables import BASE_PROPERTIES

SAMPLED = 20_000
LEAST_SAMPLED = 200
FEW = 20  # values: of fewer nothing is said
NEARLY = 0.98
MARK = re.compile(
    r"(^|_|\b)(is_?)?(test|testing|bot|robot|crawler|staff|internal|employee|qa|demo|debug"
    r"|sandbox|dev|admin)(_?(user|account|event|mode))?$",
    re.IGNORECASE,
)
BOT = "bot\\b|crawler|spider|headless|phantomjs|puppeteer|playwright|selenium"
TEST_PERSON = "^(test|qa|demo|dummy)[^a-z]|[+._-]test[@._-]|@(example|test)\\.(com|org|net)$"
TIME = (
    "[0-9]{4}-(0[1-9]|1[0-2])-([0-2][0-9]|3[01])"
    "([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
EPOCHS = {"seconds": (946_684_800, 4_102_444_800)}  # 2000 to 2100
EPOCHS["milliseconds"] = (EPOCHS["seconds"][0] * 1000, EPOCHS["seconds"][1] * 1000)
ABOUT_TIME = re.compile(
    r"(_at|_on|_ts|_ms|time|date|timestamp|updated|created|since|expires)$", re.IGNORECASE
)
MONEY = re.compile(r"currency", re.IGNORECASE)


@dataclass(frozen=True)
class Look:
    """What the sample has of one property of one event."""

    event: str
    property: str
    values: int
    distinct: int
    texts: int
    codes: int  # three capital letters
    times: int
    seconds: int
    milliseconds: int
    trues: int
    nested: int
    bots: int
    testers: int
    shape: str | None
    example: str | None


def looks(warehouse: Connection, seen: Landscape) -> Iterator[Oddity]:
    """What the values of each property tell: each property once, for the event that has it most."""
    if not seen.events:
        return
    columns = columns_of(warehouse)
    views = dict(
        warehouse.execute("select event_name, view_name from internal.event_views").fetchall()
    )
    told: set[tuple[str, str]] = set()
    sampled = sorted(_sample(warehouse, seen), key=lambda one: -one.values)
    for one in sampled:
        column = columns.get(one.property)
        if one.property in BASE_PROPERTIES and one.property != "distinct_id":
            continue
        if column is None or one.event not in views or one.values < FEW:
            continue
        source = f"by_event.{quoted(views[one.event])}"
        for issue, detail, sql in _told(one, quoted(column.column), source):
            if (one.property, issue) not in told:
                told.add((one.property, issue))
                yield Oddity(one.event, one.property, issue, detail, None, sql, one.values)


def _sample(warehouse: Connection, seen: Landscape) -> list[Look]:
    wanted = max(LEAST_SAMPLED, SAMPLED // len(seen.events))
    every = [-(-count // wanted) for count in seen.events.values()]  # one row in so many
    text = "case when type = 'VARCHAR' then value->>'$' end"
    real = "case when type in ('UBIGINT', 'BIGINT') then try_cast(value as double) end"
    between = {name: f"between {low} and {high}" for name, (low, high) in EPOCHS.items()}
    query = f"""
        with picked as (
            select event_name, {stored_values()} as sent
            from events_wide join (select unnest($names) as event_name, unnest($every) as every)
                using (event_name)
            where hash(events_wide.rowid) % every = 0 and json_type(properties) = 'OBJECT'
        ),
        pairs as (
            select event_name, unnest(json_keys(sent)) as property,
                   unnest(json_type(sent, '$.*')) as type,
                   unnest(json_extract(sent, '$.*')) as value
            from picked
        ),
        typed as (
            select *, {text} as text, {real} as real from pairs where type <> 'NULL'
        )
        select event_name, property, count(*), approx_count_distinct(value),
               count(text), count(*) filter (regexp_full_match(text, '[A-Z]{{3}}')),
               count(*) filter (regexp_full_match(text, {literal(TIME)})),
               count(*) filter (real {between["seconds"]}),
               count(*) filter (real {between["milliseconds"]}),
               count(*) filter (type = 'BOOLEAN' and value::varchar = 'true'),
               count(*) filter (type in ('ARRAY', 'OBJECT')),
               count(*) filter (regexp_matches(text, {literal(BOT)}, 'i')),
               count(*) filter (regexp_matches(text, {literal(TEST_PERSON)}, 'i')),
               (json_structure(to_json(list(value) filter (type in ('ARRAY', 'OBJECT'))))
                   ->0)::varchar,
               min(value::varchar)
        from typed group by event_name, property
        """
    given = {"names": list(seen.events), "every": every}
    return [Look(*row) for row in warehouse.execute(query, given).fetchall()]


def _told(one: Look, column: str, source: str) -> Iterator[tuple[str, str, str]]:
    """Each issue with its detail and SQL."""
    name = f"{name_in_text(one.property)} of {name_in_text(one.event)}"
    of = f"{one.values:,} values looked at"
    counted = (
        f"select {column}, count(*) as events from {source} group by all "
        "order by events desc limit 50"
    )
    yield from _marks(one, name, of, column, source, counted)
    if is_reserved(one.property) or one.property in BASE_PROPERTIES:
        return
    if one.nested:
        sql = (
            f"select json_group_structure(to_json({column})) as shape, count(*) as events "
            f"from {source} where {column} is not null"
        )
        shape = one.shape or ""
        cut = shape if len(shape) <= 200 else f"{shape[:197]}..."
        what = "lists" if shape.startswith("[") else "objects"
        yield "shape", f"{name}: {what} of the shape {cut} ({of})", sql
        return
    if one.codes >= NEARLY * one.values and (one.distinct <= 40 or MONEY.search(one.property)):
        if MONEY.search(one.property) or one.property.lower() in ("ccy", "cur"):
            detail = f"{name}: {one.distinct} codes of three capital letters, as currencies ({of})"
            yield "currency", detail, counted
        return
    spread = (
        f"select min({column}), max({column}), count(*) from {source} where {column} is not null"
    )
    if one.times >= NEARLY * one.values:
        yield "time", f"{name}: times as text, such as {one.example} ({of})", spread
        return
    for unit, fit in (("seconds", one.seconds), ("milliseconds", one.milliseconds)):
        if fit >= NEARLY * one.values and ABOUT_TIME.search(one.property):
            detail = f"{name}: times in {unit} since 1970, such as {one.example} ({of})"
            yield "time", detail, spread
            return
    if one.distinct >= 0.9 * one.values and one.values >= 5 * FEW and _named_id(one.property):
        sql = f"select count({column}), count(distinct {column}) from {source}"
        share = percent(min(one.distinct, one.values), one.values)
        yield "id", f"{name}: about {share} of the values are different ({of})", sql


def _named_id(name: str) -> bool:
    return bool(
        re.search(r"(^|[_\s-]|(?<=[a-z]))(id|uuid|guid|key|code|number|ref)s?$", name, re.I)
    )


def _marks(
    one: Look, name: str, of: str, column: str, source: str, counted: str
) -> Iterator[tuple[str, str, str]]:
    if MARK.search(one.property) and (one.trues or one.texts):
        if one.trues:
            yield "mark", f"{name} is true in {percent(one.trues, one.values)} ({of})", counted
        elif one.distinct <= 20:
            yield "mark", f"{name} has {one.distinct} different values ({of})", counted
    agent = re.search(r"browser|agent|device|model|\$os", one.property, re.I)
    person = re.search(r"mail|user|distinct_id|name|account|login", one.property, re.I)
    for hits, about, pattern, what in (
        (one.bots, agent, BOT, "a bot"),
        (one.testers, person, TEST_PERSON, "somebody who tests"),
    ):
        if hits and about:
            sql = (
                f"select {column}, count(*) as events from {source} "
                f"where regexp_matches({column}::varchar, {literal(pattern)}, 'i') "
                "group by all order by events desc limit 50"
            )
            yield "mark", f"{name} names {what} in {percent(hits, one.values)} ({of})", sql
