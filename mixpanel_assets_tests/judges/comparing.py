"""Answers brought into one form, and compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Canonical = Callable[[Any], Any]
DIGITS = 9  # of a number that are compared: sums of floats depend on their order


@dataclass(frozen=True)
class Verdict:
    """One question to one client; `reason` says why their answer is known to be another."""

    client: str
    question: str
    theirs: str
    ours: str
    equal: bool
    reason: str = ""
    where: str = ""  # the first place at which they differ

    @property
    def surprising(self) -> bool:
        """Nobody has said yet why they differ."""
        return not self.equal and not self.reason


def plain(value: Any) -> Any:
    """The value as JSON has it, its numbers without the last digits."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    return value


def unordered(value: Any) -> list[Any]:
    """Records in an order of their own: clients sort them as they like."""
    return sorted(plain(value), key=_text)


def only(*names: str) -> Canonical:
    """Of an answer, or of each record of one, nothing but these fields."""

    def chosen(value: Any) -> Any:
        if isinstance(value, list):
            return unordered([chosen(one) for one in value])
        return {name: plain(value[name]) for name in names}

    return chosen


def series(value: Any) -> Any:
    """An answer's numbers by segment and date; a date without any is one with 0."""
    found = value.get("series", value)
    return {
        segment: {day: plain(n) for day, n in sorted(counts.items()) if n}
        for segment, counts in sorted(found.items())
    }


def days(records: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many exported records each day has, duplicates among them."""
    return dict(sorted(Counter(_day(record) for record in records).items()))


def events(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """How many records each event has a day, one for each key of Mixpanel's."""
    counts: dict[str, dict[str, int]] = {}
    for record in newest(records):
        of_days = counts.setdefault(record["event"], {})
        of_days[_day(record)] = of_days.get(_day(record), 0) + 1
    return series(counts)  # type: ignore[no-any-return]  # a mapping stays one


def contents(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The records as text, in seconds, one for each key of Mixpanel's; sorted."""
    return sorted(
        _text([one["event"], {**one["properties"], "time": _seconds(one)}])
        for one in newest(records)
    )


def newest(records: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of records with one event, person, second and $insert_id the one that came in last."""
    kept: dict[Any, Mapping[str, Any]] = {}
    for number, record in enumerate(records):
        own = record["properties"]
        insert_id = own.get("$insert_id")
        key: Any = (record["event"], own.get("distinct_id"), _seconds(record), insert_id)
        key = number if insert_id is None else key
        if key not in kept or _came_in(kept[key]) < _came_in(record):
            kept[key] = record
    return list(kept.values())


def profiles(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The properties of each profile."""
    return {one["$distinct_id"]: one["$properties"] for one in records}


def judged(
    client: str,
    question: str,
    theirs: Mapping[str, Any],
    ours: Callable[[], Any],
    canonical: Canonical = plain,
    reason: str = "",
) -> Verdict:
    """Whether both answers say the same once they are in one form."""
    if "problem" in theirs:
        text = " ".join(theirs["problem"].split())
        return Verdict(
            client, question, f"failed: {text[:90]}", shown(canonical(ours())), False, reason
        )
    given, own = canonical(theirs["value"]), canonical(ours())
    where = difference(given, own) if given or own else "both are empty"
    return Verdict(client, question, shown(given), shown(own), where is None, reason, where or "")


def difference(theirs: Any, ours: Any, at: str = "") -> str | None:
    """The first place at which they differ, in words; None if they don't."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for name in sorted(theirs.keys() | ours.keys()):
            if name not in ours or name not in theirs:
                who = "theirs" if name in theirs else "ours"
                return f"{at}.{name}: in {who} only"
            if found := difference(theirs[name], ours[name], f"{at}.{name}"):
                return found
        return None
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        pairs = enumerate(zip(theirs, ours, strict=True))
        found_all = (difference(a, b, f"{at}[{n}]") for n, (a, b) in pairs)
        return next((found for found in found_all if found), None)
    return None if theirs == ours else f"{at}: {_short(theirs)} and {_short(ours)}"


def shown(value: Any) -> str:
    """The answer in a few words, for a table."""
    numbers = list(_numbers(value))
    if isinstance(value, dict) and numbers:
        return f"{len(numbers):,} numbers, sum {sum(numbers):,.10g}"
    if isinstance(value, dict | list):
        return f"{len(value):,} records"
    return _short(value)


def _numbers(value: Any) -> Iterable[float]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _day(record: Mapping[str, Any]) -> str:
    return str(datetime.fromtimestamp(_seconds(record), UTC).date())


def _seconds(record: Mapping[str, Any]) -> int:
    time = int(record["properties"]["time"])
    return time // 1000 if time > 10**11 else time


def _came_in(record: Mapping[str, Any]) -> Any:
    return record["properties"].get("mp_processing_time_ms", 0)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _short(value: Any) -> str:
    text = _text(value) if not isinstance(value, str) else value
    return text if len(text) <= 60 else f"{text[:57]}..."
