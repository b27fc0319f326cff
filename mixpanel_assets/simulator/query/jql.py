"""`POST /jql`, for the few scripts that can be answered without running JavaScript.

https://docs.mixpanel.com/docs/reports/apps/jql
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from mixpanel_assets.simulator.answers import BadRequestError, ScriptError
from mixpanel_assets.simulator.expressions import Expression
from mixpanel_assets.simulator.query.host import Compute
from mixpanel_assets.simulator.query.parameters import Parameters
from mixpanel_assets.simulator.query.reader import Event, Reader
from mixpanel_assets.simulator.spans import span_of_text

_SCRIPT = re.compile(
    r"function\s+main\s*\(\s*\)\s*\{\s*return\s+Events\s*\((?P<events>.*?)\)\s*"
    r"(?:\.\s*groupBy\s*\(\s*(?P<keys>\[[^\]]*\])\s*,\s*mixpanel\.reducer\.count\(\)\s*\)"
    r"|\.\s*reduce\s*\(\s*mixpanel\.reducer\.count\(\)\s*\))"
    r"\s*;?\s*\}\s*;?\s*",
    re.DOTALL,
)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_WORD = re.compile(r"""("(?:[^"\\]|\\.)*")|'((?:[^'\\]|\\.)*)'|([A-Za-z_$][\w$.]*)""")
_COMMA = re.compile(r",(\s*[}\]])")
_LITERALS = ("true", "false", "null")


@dataclass(frozen=True)
class JqlApi:
    """The endpoint over one project's events."""

    reader: Reader

    def jql(self, given: Parameters) -> Compute:
        """`/jql`: a count of events, or counts by keys such as `name` or `properties.plan`.

        Mixpanel runs any script; the simulator answers all but these two kinds with a 412.
        """
        script, params = given.needed("script"), given.structure("params", dict) or {}
        return lambda: self._run(script, params)

    def _run(self, script: str, params: dict[str, Any]) -> Any:
        found = _SCRIPT.fullmatch(_COMMENT.sub("", script).strip())
        if not found:
            raise ScriptError(
                _uncaught("Error: this local Mixpanel runs no JavaScript; it knows Events(...)")
                + " with .groupBy([...], mixpanel.reducer.count()) or"
                " .reduce(mixpanel.reducer.count()) only"
            )
        events = self._events(_literal(found["events"], params))
        if found["keys"] is None:
            return [sum(1 for _ in events)]
        keys = _literal(found["keys"], params)
        counts = Counter(json.dumps([_at(event, key) for key in keys]) for event in events)
        return [{"key": json.loads(key), "value": counts[key]} for key in sorted(counts)]

    def _events(self, asked: Any) -> list[Event]:
        if not isinstance(asked, dict):
            raise ScriptError(_uncaught("TypeError: Events() takes an object"))
        start, end = (str(asked.get(name, ""))[:10] for name in ("from_date", "to_date"))
        try:
            span = self.reader.within_history(span_of_text(start, end, self.reader.today()))
            chosen = [self._selector(one) for one in asked.get("event_selectors") or []]
        except BadRequestError as error:
            raise ScriptError(_uncaught(f"Error: {error}")) from error
        names = {name for name, _ in chosen if name} if all(n for n, _ in chosen) else set()
        return [
            event
            for event in self.reader.events(span, names or None)
            if not chosen or any(_is_chosen(event, *one) for one in chosen)
        ]

    def _selector(self, one: dict[str, Any]) -> tuple[str | None, Expression | None]:
        return one.get("event"), self.reader.expression(one.get("selector"), "selector")


def _is_chosen(event: Event, name: str | None, selector: Expression | None) -> bool:
    if name is not None and event.name != name:
        return False
    return selector is None or selector.matches(event.properties)


def _at(event: Event, key: str) -> Any:
    first, _, rest = key.partition(".")
    if first == "name":
        return event.name
    if first == "distinct_id":
        return event.who
    if first == "time":
        return event.at
    if first == "properties" and rest:
        return event.properties.get(rest)
    raise ScriptError(_uncaught(f"TypeError: {key} is no property of an event known here"))


def _literal(text: str, params: dict[str, Any]) -> Any:
    """The value of a JavaScript literal; a word after `params.` stands for that parameter."""

    def as_json(word: re.Match[str]) -> str:
        if word[1] is not None:
            return word[1]
        if word[2] is not None:
            return json.dumps(word[2].replace("\\'", "'"))
        name: str = word[3]
        if name in _LITERALS:
            return name
        if name == "params":
            return json.dumps(params)
        if name.startswith("params."):
            return json.dumps(params.get(name.removeprefix("params.")))
        return json.dumps(name)

    try:
        return json.loads(_COMMA.sub(r"\1", _WORD.sub(as_json, text)))
    except ValueError as error:
        raise ScriptError(_uncaught(f"SyntaxError: {error}")) from error


def _uncaught(text: str) -> str:
    return f"UserVisiblePreconditionFailedError: Uncaught exception {text}"
