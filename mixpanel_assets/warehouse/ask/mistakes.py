"""Errors about a statement that say what to write instead.

DuckDB tells what it does not accept and where; the tables, events and properties that are landed,
and how other databases say things, tell what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from functools import cached_property

import duckdb

from mixpanel_assets.errors import SQLError
from mixpanel_assets.settings import days_meant
from mixpanel_assets.warehouse.ask.dialects import DIALECTS, TYPES
from mixpanel_assets.warehouse.ask.names import find_relation
from mixpanel_assets.warehouse.ask.places import Place, found_in
from mixpanel_assets.warehouse.ask.vocabulary import Vocabulary, identifier
from mixpanel_assets.warehouse.connection import interrupted_after
from mixpanel_assets.warehouse.sql import Connection, first_column, literal
from mixpanel_assets.warehouse.statement import answer

PATIENCE = 2.0  # seconds for finding out
LOOK = "see what there is: mp inspect overview"
HEREDOC = "mp sql - <<'SQL'"
EATEN = (
    "is a name missing? In double quotes the shell replaces $name: write the SQL in single "
    f'quotes, or after {HEREDOC}, and the name in double quotes: "$name"'
)
GROUP = "end the statement with GROUP BY ALL"
NO_FILES = "the warehouse alone can be read here; rows go into a file with mp sql --save FILE.csv"
KEEP = (
    "ask with SELECT; before it, CREATE TEMP VIEW, MACRO or TABLE ... AS may come, and for good "
    "there is mp define NAME SQL"
)
SETTINGS = (
    "set MP_THREADS or MP_MEMORY_LIMIT in the environment; times are in UTC, and others are "
    "event_time at time zone 'Europe/Paris'"
)
LANDED = "tables hold what is landed: mp materialize events --from 7d, or mp drop TABLE"

# By DuckDB's name for a kind of statement: what to do instead.
INSTEAD = {
    **dict.fromkeys(("COPY", "COPY_DATABASE", "EXPORT"), "write rows with mp sql --save FILE.csv"),
    "CREATE": KEEP,
    "CREATE_FUNC": KEEP,
    **dict.fromkeys(("INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "MERGE_INTO"), LANDED),
    **dict.fromkeys(("ATTACH", "DETACH", "LOAD", "EXTENSION", "UPDATE_EXTENSIONS"), NO_FILES),
    **dict.fromkeys(("SET", "VARIABLE_SET"), f"settings can't be changed here: {SETTINGS}"),
    "TRANSACTION": "a statement is a transaction of its own: leave this out",
}

# Columns by the names that other tables of events have for them.
_COLUMNS = {
    "event_time": "time timestamp ts event_timestamp created_at datetime occurred_at t",
    "event_name": "event name event_type eventname type action",
    "event_date": "date day dt event_day ds",
    "distinct_id": "user uid userid user_pseudo_id distinctid id",
    "properties": "props property event_properties params data",
    "insert_id": "$insert_id insertid event_id",
    "device_id": "$device_id deviceid anonymous_id",
    "user_id": "$user_id",
}
COLUMNS = {name: column for column, names in _COLUMNS.items() for name in names.split()}
WORDS = ("select", "from", "where", "group", "order", "having", "limit", "join", "with", "distinct")
PARTS = ("year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "isodow")
TAKE_A_PART = ("date_trunc", "datetrunc", "date_part", "datepart", "date_diff", "datediff")
IN_A_DATE_FUNCTION = re.compile(r"(\w*(?:date|time|trunc|part|extract)\w*)\s*\([^()]*$", re.I)
COMPARED = re.compile(r"(?:[=<>~]|\blike|\bilike|->>?|\|\||\bin\s*\([^()]*)\s*$", re.I)
OPEN = re.compile(r"(?:\b(?:select|distinct|where|and|or|on|by|having)|[,(])\s*$", re.I)


@contextmanager
def taught(warehouse: Connection, query: str) -> Iterator[None]:
    """Raise the errors of the statement in the block with what to write instead."""
    try:
        yield
    except SQLError as error:
        raise explained(error, warehouse, query) from error.__cause__


@contextmanager
def parts_taught(warehouse: Connection, table: str, *conditions: str | None) -> Iterator[None]:
    """As `taught`, for a statement of ours with SQL of the user's in it: rows of the table."""
    try:
        yield
    except SQLError:
        source = find_relation(warehouse, table).wide
        for condition in filter(None, conditions):
            query = f"select 1 from {source} where\n{condition}\nlimit 0"
            with taught(warehouse, query):
                answer(warehouse, query)
        raise


def explained(error: SQLError, warehouse: Connection, query: str) -> SQLError:
    """The error, short, with its place in the statement, and with a hint."""
    if kind := error.details.get("statement"):
        hint = INSTEAD.get(str(kind)) or error.hint
        if query.lower().lstrip().startswith("use"):
            hint = 'name the schema, as in by_event."Purchase"'
        return SQLError(error.message, hint=hint, **error.details)
    if not isinstance(error.__cause__, duckdb.Error):
        return error
    place = found_in(error.message, query)
    head = place.head if place else error.message
    hint = error.hint
    # A warehouse of an older layout, one that is slow to ask: neither is another failure.
    with suppress(duckdb.Error, RecursionError), interrupted_after(warehouse, PATIENCE):
        hint = hint or Lesson(warehouse, query, head, place).hint()
    message = _short(head) + (place.shown if place else "")
    told = SQLError(message, hint=hint or LOOK, **(place.details if place else {}))
    told.add_note(f"hint: {told.hint}")  # in Python, a traceback shows it
    return told


def _short(head: str) -> str:
    """DuckDB's message without its guesses, which include its own tables and functions."""
    kept = re.split(r"\n|\. You might need|\. In order to select", head, maxsplit=1)[0]
    return kept if len(kept) <= 200 else f"{kept[:200]}..."


class Lesson:
    """What to write instead of one thing that DuckDB did not accept."""

    def __init__(self, warehouse: Connection, query: str, head: str, place: Place | None) -> None:
        self._warehouse, self._query, self._head = warehouse, query, head
        self._before = query[: place.at].rstrip() if place else query
        self._after = query[place.at :] if place else ""

    def hint(self) -> str | None:
        """What to write; None if nothing is known."""
        for pattern, rule in RULES:
            if found := re.search(pattern, self._head):
                hint = rule if isinstance(rule, str) else rule(self, *found.groups())
                if hint:
                    return hint
        return None

    @cached_property
    def _known(self) -> Vocabulary:
        return Vocabulary(self._warehouse, self._query)

    def table(self, name: str) -> str:
        """A table that does not exist."""
        near = self._known.near_tables(name)
        if near:
            return f"did you mean {', '.join(near)}? {LOOK}"
        if self._known.is_about_people(name):
            return (
                "profiles are landed by: mp materialize profiles; events have distinct_id, person"
            )
        tables = ", ".join(self._known.tables) or "none yet; mp materialize events --from 7d"
        return f"tables: {tables}; {LOOK}"

    def qualifier(self, name: str) -> str | None:
        """A name before a column that is no table of the statement."""
        tables = re.findall(r'"([^"]+)"', self._head.partition("Candidate tables")[2])
        views = [one for one in self._known.near_tables(name) if one.startswith("by_event.")]
        if views:
            return f"name the view after FROM: {views[0]}"
        if COMPARED.search(self._before):
            return f"a text is in single quotes: {literal(name)}"
        return f"the tables of this statement: {', '.join(tables)}" if tables else None

    def column(self, name: str) -> str | None:
        """A column that does not exist."""
        known, compared = self._known, COMPARED.search(self._before)
        is_quoted = self._after[:1] in ('"', "`")
        if part := self._part(name):
            return part
        if name[:1] in "‘’“”'" or (compared and is_quoted and name not in known.columns):
            return f"a text is in single quotes: {literal(name.strip('‘’“”'))}"
        if "FROM clause is missing" in self._head and name in (*known.columns, *known.properties):
            return f"name the table: FROM {'events' if name in known.columns else 'events_wide'}"
        if (column := COLUMNS.get(name.lower())) and column in known.columns:
            also = known.property_hint(name) or ""
            return f"did you mean {column}? {'' if 'is the column' in also else also}".strip()
        if hint := known.property_hint(name):
            return hint
        if name.lower() in ("count", "sum", "avg", "min", "max"):
            return "repeat the aggregate, such as count(*), or name it: count(*) as n"
        near = known.near_names(name)
        if compared and not is_quoted and not near:
            shell = f"if the shell took them, write the SQL in double quotes or after {HEREDOC}"
            return f"a text is in single quotes: {literal(name)}; {shell}"
        if is_quoted and not near and name[:1] != "$":
            return (
                f"a text is in single quotes: {literal(name)}; search names: mp inspect find WORD"
            )
        if near and near[0] not in known.columns:
            return known.property_hint(near[0], meant=True)
        if near:
            columns = [identifier(one) for one in near if one in known.columns]
            return f"did you mean {', '.join(columns)}?"
        candidates = re.findall(r'"([^"]+)"', self._head.partition("Candidate bindings")[2])
        listed = f"columns: {', '.join(map(identifier, candidates))}; " if candidates else ""
        word = re.sub(r"\W", "", name) or "WORD"
        return f"no property landed is called {name}; {listed}search: mp inspect find {word}"

    def _part(self, name: str) -> str | None:
        found = IN_A_DATE_FUNCTION.search(self._before)
        if not found or name.lower().removesuffix("s") not in PARTS:
            return None
        part, function = name.lower().removesuffix("s"), found[1].lower()
        if function not in TAKE_A_PART:
            function = "date_trunc"
        more = "earlier, later" if "diff" in function else "event_time"
        return f"the part comes first, in single quotes: {function}('{part}', {more})"

    def function(self, name: str) -> str:
        """A function that does not exist."""
        if said := DIALECTS.get(name.lower()):
            return f"in DuckDB: {said}"
        query = "select distinct function_name from duckdb_functions()"
        names = first_column(self._warehouse, query)
        near = get_close_matches(name.lower(), names, 3, 0.75)
        if near:
            return f"did you mean {', '.join(near)}?"
        part = re.sub(r"\W", "", name.lower())[:4]
        return (
            'DuckDB has no such function; search: mp sql "select distinct function_name from '
            f"duckdb_functions() where function_name like '%{part}%'\""
        )

    def arguments(self, name: str, given: str) -> str | None:
        """A function that does not take these types."""
        if not given:
            return EATEN
        if re.fullmatch(r"\W+", name):  # an operator
            if re.search("DATE|TIMESTAMP", given):
                return "add and subtract intervals: event_time - interval 7 days, event_date - 7"
            if "->" in self._query:
                return "put the property in parentheses and cast it: (properties->>'$.n')::double"
            return "cast one side: x::double, x::varchar, x::date, or interval 7 days"
        if name == "count":
            return "count distinct rows of several columns: count(distinct (a, b))"
        if said := DIALECTS.get(name.lower()):
            return f"in DuckDB: {said}"
        if name in ("sum", "avg", "mean", "median", "quantile_cont", "stddev", "round", "abs"):
            typed = "or a typed column of events_wide"
            return f"a text is no number: {name}(try_cast(x as double)), {typed}"
        forms = re.findall(r"^\t(.+?) ->", self._head.partition("Candidate functions:")[2], re.M)
        return f"write {' or '.join(forms[:2])}" if forms else None

    def compared(self, one: str, other: str) -> str:
        """Types that can't be compared."""
        types = f"{one} {other}"
        if "DATE" in types and "INTEGER" in types:
            return "a date is in single quotes: '2024-01-31'"
        if "TIME" in types:
            return "write a time as '2024-01-31 12:00', or to_timestamp(SECONDS)"
        return "cast the text: try_cast(x as double) > 10, or compare with a text in single quotes"

    def day(self, text: str = "") -> str:
        """A text that is no date."""
        ago = re.fullmatch(r"-?(\d+) ?d(?:ays?)?(?: ago)?", text.lower())
        words = {"today": "current_date", "yesterday": "current_date - 1"}
        meant = [literal(day) for day in days_meant(text.lower()) if "-" in day]
        meant = [f"current_date - {ago[1]}"] if ago else meant
        meant = [words[text.lower()]] if text.lower() in words else meant
        write = f"; write {' or '.join(meant)}" if meant else ", and current_date - 7 is a week ago"
        return f"dates are 'YYYY-MM-DD'{write}"

    def specifier(self, name: str) -> str:
        """A part of a date that does not exist."""
        near = get_close_matches(name.lower(), PARTS, 1, 0.5)
        return f"did you mean '{near[0]}'?" if near else f"parts: {', '.join(PARTS)}"

    def type_(self, name: str) -> str:
        """A type that does not exist."""
        near = get_close_matches(name.lower(), TYPES, 1, 0.7)
        listed = ", ".join(dict.fromkeys(TYPES.values()))
        return f"did you mean {TYPES[near[0]]}?" if near else f"types: {listed}"

    def parameters(self, names: str) -> str:
        """Names after $ that are no columns to DuckDB."""
        first = names.split(", ")[0]
        if first.isdigit():
            return "mp sql takes no parameters: write the value itself, a text in single quotes"
        name = f"${first}"
        hint = self._known.property_hint(name) or f'a name with $ is in double quotes: "{name}"'
        return f"{hint}; in the shell after {HEREDOC}"

    def syntax(self, near: str) -> str | None:
        """A word or sign where none may be."""
        token, words = near.lower(), re.findall(r"[A-Za-z_]+", self._before)
        if re.fullmatch(r"\S+\.sql;?", self._query.strip()):
            return f"a file of SQL is read with: mp sql --file {self._query.strip()}"
        if near == "," and re.search(r"\bextract\s*\(\s*\w+$", self._before, re.I):
            return "write extract(hour FROM event_time), or date_part('hour', event_time)"
        if top := re.search(r"\bselect\s+top\s*\(?\s*(\d+)", self._query, re.I):
            return f"write LIMIT {top[1]} at the end"
        if near == "," and (skipped := re.search(r"\blimit\s+(\d+)$", self._before, re.I)):
            return f"write LIMIT n OFFSET {skipped[1]}"
        if re.search(r"\b(?:safe_cast|try_convert)\s*\([^()]*$", self._before, re.I):
            return f"in DuckDB: {DIALECTS['safe_cast']}"
        if re.fullmatch(r"[,=<>)!].*|from|is|in|like|group|order|->>?", token) and OPEN.search(
            self._before
        ):
            return EATEN
        for word in (token, *(one.lower() for one in words[-1:])):
            meant = get_close_matches(word, WORDS, 1, 0.7)
            if word not in WORDS and meant:
                return f"did you mean {meant[0].upper()}?"
        if re.search(r"(?:[=<>]|\blike|\bin\s*\()\s*[A-Za-z][\w ]*$", self._before, re.I):
            shell = f"if the shell took them, write the SQL in double quotes or after {HEREDOC}"
            return f"a text is in single quotes: 'like this'; {shell}"
        return (
            "check what comes before ^: a comma or parenthesis too few or too many; texts are in "
            "single quotes, names with blanks or $ in double quotes"
        )


Rule = str | Callable[..., str | None]
HAVING = "conditions on aggregates come after: GROUP BY ALL HAVING count(*) > 1"
QUALIFY = "filter window functions with QUALIFY: ... QUALIFY row_number() over (...) = 1"
SUBQUERY = "aggregate a subquery: select sum(n) from (select event_name, count(*) as n ...)"
OVER_GROUPS = "write the aggregate itself, sum(count(*)) over (...), or name it in a subquery first"
UNION = "each SELECT of a UNION needs the same columns; UNION ALL BY NAME fills up"
TRY = "try_cast(x as ...) gives null where the value is of another type"
PATH = f"a path is '$.name' or '$.\"$name\"'; the shell replaces $name: use {HEREDOC}"
QUOTE = "a quote is never closed; a quote within a text is doubled: 'it''s'"
# A part of what DuckDB says, and what to write instead; the first that says something counts.
RULES: list[tuple[str, Rule]] = [
    (r'Table with name "?(.+?)"? does not exist', Lesson.table),
    (r'Catalog "(.+?)" does not exist', Lesson.table),
    (r'Referenced table "(.+?)" not found', Lesson.qualifier),
    (r"referenced that exists in the SELECT clause", OVER_GROUPS),
    (r'Referenced column "(.+)" (?:was )?not found', Lesson.column),
    (r'does not have a column named "(.+)"', Lesson.column),
    (r'Column "(.+)" (?:in \w+ list not found|does not exist on)', Lesson.column),
    (r"Function with name (\S+) does not exist", Lesson.function),
    (r"types '(.+?)\((.*)\)'", Lesson.arguments),
    (r'function call "(.+?)\((.*)\)"', Lesson.arguments),
    (r"must appear in the GROUP BY", f"{GROUP}, or wrap the column: any_value(x)"),
    (r"WHERE clause cannot contain aggregates", HAVING),
    (r"cannot contain window functions|window functions are not allowed", QUALIFY),
    (r"GROUP BY clause cannot contain aggregates", GROUP),
    (r"calls cannot be nested", SUBQUERY),
    (r'(?:date|time|timestamp) field (?:format|value out of range)[^"]*"([^"]*)"', Lesson.day),
    (r"for cast \(\w+ -> (?:DATE|TIMESTAMP)", Lesson.day),
    (r"Could not convert string|Could not cast", TRY),
    (r"Cannot compare values of type (.+?) and type (.+?) -", Lesson.compared),
    (r'specifier "(.*?)" not recognized', Lesson.specifier),
    (r"Type with name (\S+) does not exist", Lesson.type_),
    (r"Values were not provided for the following parameters: (.+)", Lesson.parameters),
    (r"SELECT clause without selection list|zero-length delimited identifier", EATEN),
    (r"JSON path error", PATH),
    (r"unterminated", QUOTE),
    (r'syntax error at or near "(.*)"', Lesson.syntax),
    (r"Ambiguous reference .*\(use: (.+?)\)", lambda _, use: f"say whose: {use}"),
    (r"disabled by configuration", NO_FILES),
    (r"same number of result columns", UNION),
    (r"configuration has been locked|Cannot change configuration", SETTINGS),
]
