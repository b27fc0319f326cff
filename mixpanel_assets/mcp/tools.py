"""The tools: what each is called, what it takes, and what it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixpanel_assets.errors import UsageError
from mixpanel_assets.mcp import asking, replies
from mixpanel_assets.notes import notes_here
from mixpanel_assets.workspace import Workspace

LONGEST = 50.0  # seconds of a call

INSTRUCTIONS = """\
Mixpanel data landed in a DuckDB warehouse, and Mixpanel itself.
Begin with overview: what is landed, the events and their properties, and how to ask.
sql and `ask ...` questions are answered from landed data, cost no request and may be asked freely.
Only `query ...` questions, and `inspect` of events, properties, values, funnels, cohorts and the
like, use Mixpanel's API: 60 requests an hour; replies say how many are left.
SQL is DuckDB's and only reads. Table events: a row an event (event_name, event_time, event_date,
distinct_id, person, properties). A property: properties->>'$.plan', or typed, in the view of an
event: select plan from by_event."Sign Up".
Replies are CSV and end within 8 KB; lines that begin with # are remarks on the answer: read them.
Aggregate instead of listing; save_to writes all rows to a file.
Days are YYYY-MM-DD, today, yesterday or 7d (days ago). Days not landed: plan_landing."""

Arguments = Mapping[str, Any]
TEXT = {"type": "string"}
DAY = {"type": "string", "description": "YYYY-MM-DD, yesterday or 7d"}


@dataclass(frozen=True)
class Service:
    """Whose workspace the tools open, and where they may save files."""

    account: str | None = None
    folder: Path = field(default_factory=Path.cwd)
    timeout: float = LONGEST

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """A workspace for one call; the warehouse is open only while it is read."""
        with Workspace(self.account, wait=False, timeout=self.timeout) as opened:
            yield opened


@dataclass(frozen=True)
class Tool:
    """A tool; `run` gives the text of its reply."""

    name: str
    description: str
    run: Callable[[Service, Arguments, list[str]], str]
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    read_only: bool = True

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its arguments."""
        shown: dict[str, Any] = {"type": "object", "properties": dict(self.properties)}
        return shown | ({"required": list(self.required)} if self.required else {})

    def call(self, service: Service, arguments: Arguments) -> str:
        """The text of the reply; the errors of `mixpanel_assets.errors`."""
        self._check(arguments)
        said: list[str] = []
        with notes_here(lambda message: said.append(f"note: {message}")):
            return self.run(service, arguments, said)

    def _check(self, arguments: Arguments) -> None:
        takes = f"{self.name} takes {', '.join(self.properties) or 'nothing'}"
        for name in arguments:
            if name not in self.properties:
                raise UsageError(f"{self.name} has no parameter {name}", hint=takes)
        for name in self.required:
            if arguments.get(name) in (None, ""):
                raise UsageError(f"{name} is missing", hint=takes)


def _overview(service: Service, _: Arguments, said: list[str]) -> str:
    with service.workspace() as ws:
        return replies.of_text(ws.overview().text, said)


def _find(service: Service, given: Arguments, said: list[str]) -> str:
    from mixpanel_assets.questions import local

    asked: Any = asking.question_of(local.Find, given)
    with service.workspace() as ws:
        found = ws.ask(asked)
    return replies.of_answer(found, None, said)


def _sql(service: Service, given: Arguments, said: list[str]) -> str:
    query = str(given["query"])
    with service.workspace() as ws:
        if file := given.get("save_to"):
            saved = ws.save(query, service.folder / str(file), under=service.folder)
            first = [one if isinstance(one, dict) else {"row": one} for one in saved.first]
            names = list(first[0]) if first else [one.name for one in saved.columns]
            rows = [[one.get(name) for name in names] for one in first]
            said.append(f"saved {saved.rows:,} rows, {saved.bytes:,} bytes: {saved.path}")
            return replies.of_rows(names, rows, [*said, "its first rows:"])
        with ws.sql_stream(query) as (columns, rows_coming):
            text = replies.of_rows(columns, rows_coming)
    return replies.of_text(text, said)


def _ask(service: Service, given: Arguments, said: list[str]) -> str:
    kind = asking.kind_named(str(given["question"]))
    arguments = given.get("arguments") or {}
    if not isinstance(arguments, Mapping):
        raise UsageError("arguments is not an object", hint=asking.parameters(kind))
    asked = asking.question_of(kind, arguments)
    with service.workspace() as ws:
        if not issubclass(kind, asking.ASKS_MIXPANEL):
            answer = ws.ask(asked)
        else:
            before = ws.limits()["query"]["used"]
            answer = ws.ask(asked)
            left = ws.limits()["query"]
            used = left["used"] - before
            said.append(
                f"{used} of Mixpanel's {left['limit']} requests an hour, "
                f"{left['limit'] - left['used']} left"
            )
    return replies.of_answer(answer, kind.heading, said)


def _plan_landing(service: Service, given: Arguments, said: list[str]) -> str:
    with service.workspace() as ws:
        plan = ws.plan_events(
            given["from"], given.get("to"), missing=bool(given.get("missing", False))
        )
    return replies.of_answer(plan, None, said)


def _status(service: Service, _: Arguments, said: list[str]) -> str:
    with service.workspace() as ws:
        rows, limits = ws.status(), ws.limits()
    for name, one in limits.items():
        said.append(f"{name}: {one['used']} of {one['limit']} requests used")
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["asset"]
    return replies.of_rows(names, [[row.get(name) for name in names] for row in rows], said)


def tools() -> list[Tool]:
    """The tools that only read."""
    names = ", ".join(asking.questions())
    return [
        Tool("overview", "What is landed and how to ask it. Call this first.", _overview),
        Tool(
            "find",
            "Find events, properties, tables and Lexicon entries by a word, or list an event's.",
            _find,
            {"word": TEXT, "event": TEXT, "limit": {"type": "integer"}},
        ),
        Tool(
            "sql",
            "One read-only DuckDB statement on landed data. save_to: a new .parquet, .csv or "
            ".jsonl file for all rows.",
            _sql,
            {"query": TEXT, "save_to": TEXT},
            ("query",),
        ),
        Tool(
            "ask",
            "Ask a question; without arguments, an error lists its parameters. Questions: "
            f"{names}.",
            _ask,
            {
                "question": TEXT,
                "arguments": {
                    "type": "object",
                    "description": 'such as {"steps": ["Sign Up", "Purchase"], "from": "30d"}',
                },
            },
            ("question",),
        ),
        Tool(
            "plan_landing",
            "What landing days of events would take: requests, rows, seconds. Asks nothing.",
            _plan_landing,
            {"from": DAY, "to": DAY, "missing": {"type": "boolean"}},
            ("from",),
        ),
        Tool("status", "Landed and missing days of each asset, runs, and requests left.", _status),
    ]
