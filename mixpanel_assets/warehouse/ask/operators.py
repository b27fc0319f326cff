"""What operators and functions of Mixpanel's expressions do, as SQL on values of any kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from functools import partial

from mixpanel_assets.warehouse.ask.kinds import Forms, Kind
from mixpanel_assets.warehouse.records import FIRST_MS, LAST_MS
from mixpanel_assets.warehouse.sql import literal

LAST_SECOND = 4_294_967_295  # a larger number is a time in milliseconds
LARGEST_HUGEINT = 2**127 - 1

_DECIMAL = r"\s*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\s*"
_ZONE = "(Z|[+-][0-9]{2}:?[0-9]{2})"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
_MOMENT = f"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ]{_CLOCK}{_ZONE}?)?"


def constant(value: str | float | bool | None) -> Forms:
    """A literal's value."""
    if value is None:
        return Forms()
    if isinstance(value, bool):
        return truth(str(value).lower(), total=True)
    if isinstance(value, str):
        return Forms({"text": literal(value)}, total=True)
    whole = isinstance(value, int) and abs(value) <= LARGEST_HUGEINT
    number = str(value) if whole else f"'{float(value)!r}'::double"
    return Forms({"number": f"({number})" if value < 0 else number}, total=True)


def truth(sql: str, *, total: bool = False) -> Forms:
    """A boolean of this SQL."""
    return Forms({"boolean": sql}, total)


def shared(left: Forms, right: Forms) -> list[tuple[str, str]]:
    """SQL of both sides for each kind that both may be of."""
    one, other = left.by_kind, right.by_kind
    if "texts" in one and "list" in other:
        one = {**one, "list": f"to_json({one['texts']})"}
    elif "list" in one and "texts" in other:
        other = {**other, "list": f"to_json({other['texts']})"}
    return [(sql, other[kind]) for kind, sql in one.items() if kind in other]


def equal(left: Forms, right: Forms) -> str:
    """SQL that is true if they are equal or both undefined, else false or null."""
    pairs, known = shared(left, right), left.total or right.total
    if len(pairs) == len(left.by_kind) == len(right.by_kind) == 1:
        return f"({pairs[0][0]} {'=' if known else 'is not distinct from'} {pairs[0][1]})"
    tests = [f"{one} = {other}" for one, other in pairs]
    if not known:
        tests.append(f"({left.undefined()} and {right.undefined()})")
    return f"({' or '.join(tests)})" if tests else "false"


def different(left: Forms, right: Forms) -> str:
    """SQL that is false if they are equal, else true."""
    pairs = shared(left, right)
    if len(pairs) == len(left.by_kind) == len(right.by_kind) == 1:
        return f"({pairs[0][0]} is distinct from {pairs[0][1]})"
    return f"({equal(left, right)} is not true)"


def ordered(operator: str, left: Forms, right: Forms) -> list[str]:
    """SQL of a comparison; nothing if neither both can be numbers nor both datetimes."""
    kinds: Sequence[Kind] = ("number", "datetime")
    both = (kind for kind in kinds if kind in left.by_kind and kind in right.by_kind)
    return [f"({left.by_kind[kind]} {operator} {right.by_kind[kind]})" for kind in both]


def one_of(left: Forms, items: Sequence[Forms]) -> str:
    """SQL that is true if it equals an item, else false or null."""
    tests, listed = [], dict[Kind, list[str]]()
    for item in items:
        if item.total and len(item.by_kind) == 1:
            ((kind, sql),) = item.by_kind.items()
            listed.setdefault(kind, []).append(sql)
        else:
            tests.append(equal(left, item))
    for kind, values in listed.items():
        if kind in left.by_kind:
            tests.append(f"{left.by_kind[kind]} in ({', '.join(values)})")
    return f"({' or '.join(tests)})" if tests else "false"


def within(item: Forms, container: Forms) -> list[str]:
    """SQL: it is part of a text, or in a list; null if the container is not one."""
    tests, kinds = [], item.by_kind
    if "text" in kinds and "text" in container.by_kind:
        tests.append(f"contains({container.by_kind['text']}, {kinds['text']})")
    if (texts := container.by_kind.get("texts")) is not None:
        found = f"list_contains({texts}, {kinds['text']})" if "text" in kinds else "false"
        tests.append(f"(case when {texts} is not null then coalesce({found}, false) end)")
    if (values := container.by_kind.get("list")) is not None:
        found = " or ".join(_in_json(values, kind, sql) for kind, sql in kinds.items()) or "false"
        tests.append(f"(case when {values} is not null then ({found}) end)")
    return tests


def _in_json(values: str, kind: Kind, sql: str) -> str:
    if kind not in _MEMBERS:
        return "false"
    members = f"list_transform(json_extract({values}, '$[*]'), lambda one: {_MEMBERS[kind]})"
    return f"coalesce(list_contains({members}, {sql}), false)"


_MEMBERS: dict[Kind, str] = {
    "text": "case when json_type(one) = 'VARCHAR' then one->>'$' end",
    "number": "case when json_type(one) in ('UBIGINT', 'BIGINT', 'DOUBLE') then one::double end",
    "boolean": "case when json_type(one) = 'BOOLEAN' then one::boolean end",
}

ARITHMETIC = {
    "+": "({} + {})",
    "-": "({} - {})",
    "*": "({} * {})",
    "/": "({} / nullif({}, 0))",
    "%": "({} % nullif({}, 0))",
}


def computed(operator: str, left: Forms, right: Forms) -> Forms:
    """The result of an arithmetic operator, in doubles; + also joins texts."""
    forms: dict[Kind, str] = {}
    one, other = left.by_kind, right.by_kind
    if "number" in one and "number" in other:
        numbers = (f"{one['number']}::double", f"{other['number']}::double")
        forms["number"] = ARITHMETIC[operator].format(*numbers)
    if operator == "+" and "text" in one and "text" in other:
        forms["text"] = f"({one['text']} || {other['text']})"
    return Forms(forms)


def _numeric(pattern: str, forms: Forms) -> Forms:
    number = forms.by_kind.get("number")
    return Forms() if number is None else Forms({"number": pattern.format(f"{number}::double")})


def _cast(kind: Kind, patterns: dict[Kind, str], forms: Forms) -> Forms:
    """The value as another kind, by what is made of each that it may be of."""
    parts = [p.format(forms.by_kind[k]) for k, p in patterns.items() if k in forms.by_kind]
    return Forms({kind: f"coalesce({', '.join(parts)})"}) if parts else Forms()


def _boolean(forms: Forms) -> Forms:
    tests: dict[Kind, str] = {
        "boolean": "{}",
        "number": "{} <> 0",
        "text": "{} not in ('', 'false')",
    }
    parts = [tests.get(kind, "{} is not null").format(sql) for kind, sql in forms.by_kind.items()]
    return truth(f"coalesce({' or '.join(parts)}, false)" if parts else "false", total=True)


def _defined(forms: Forms) -> Forms:
    tests = [f"{sql} is not null" for sql in forms.by_kind.values()]
    return truth("true" if forms.total else f"({' or '.join(tests) or 'false'})", total=True)


def _list(forms: Forms) -> Forms:
    return Forms({kind: sql for kind, sql in forms.by_kind.items() if kind in ("texts", "list")})


def _pattern(text: str) -> str:
    """A regular expression as an SQL string in a format."""
    return literal(text).replace("{", "{{").replace("}", "}}")


# A whole number has neither point nor exponent.
_STRING: dict[Kind, str] = {
    "text": "{0}",
    "number": "case when {0} = trunc({0}) and abs({0}) < 1e38 then {0}::hugeint::varchar "
    "else {0}::varchar end",
    "boolean": "{0}::varchar",
}
_TO_NUMBER: dict[Kind, str] = {
    "number": "{0}",
    "text": f"case when regexp_full_match({{0}}, {_pattern(_DECIMAL)}) "
    "then try_cast(trim({0}) as double) end",
    "boolean": "{0}::int",
    "datetime": "epoch_ms({0})",
}
_TO_MOMENT: dict[Kind, str] = {
    "datetime": "{0}",
    "number": f"case when {{0}} > 0 and {{0}} <= {LAST_MS} then make_timestamptz(1000 * trunc("
    f"case when {{0}} <= {LAST_SECOND} then {{0}} * 1000.0::double else {{0}} end)::bigint) end",
    "text": f"case when regexp_full_match({{0}}, {_pattern(_MOMENT)}) "
    "then try_cast({0} as timestamptz) end",  # connections are in UTC
}

FUNCTIONS: dict[str, Callable[[Forms], Forms]] = {
    "defined": _defined,
    "string": partial(_cast, "text", _STRING),
    "number": partial(_cast, "number", _TO_NUMBER),
    "boolean": _boolean,
    "list": _list,
    "floor": partial(_numeric, "floor({})"),
    "ceil": partial(_numeric, "ceil({})"),
    "round": partial(_numeric, "floor({} + 0.5)"),
    "-": partial(_numeric, "(-({}))"),
}


def moment(forms: Forms) -> Forms:
    """What datetime() makes of it: a number of seconds or milliseconds, or a text."""
    return _cast("datetime", _TO_MOMENT, forms)


def read_moment(text: str, zone: tzinfo) -> datetime | None:
    """The time of a text in the zone; None if it is not one."""
    if not re.fullmatch(_MOMENT, text):
        return None
    try:
        found = datetime.fromisoformat(text)
        at = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if FIRST_MS < at.timestamp() * 1000 < LAST_MS else None
