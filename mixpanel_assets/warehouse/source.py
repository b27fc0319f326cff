"""Landed files as SQL: which event, which day, which properties each line holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mixpanel_assets.warehouse.connection import literal, quoted

# DuckDB's own default. Its buffers grow with it, to several times this size for each thread.
LONGEST_RECORD = 16 * 1024 * 1024

# A line as Mixpanel writes it, or as mend.py writes an odd one. Everything else is mended first.
REGULAR = (
    "starts_with(line, '{\"event\":\"') and ends_with(line, '}}') "
    'and contains(line, \'","properties":{\')'
)
MENDED = 'starts_with(line, \'{"verbatim":"\')'

# Numbers that neither a 128-bit integer nor a double holds: 18 and more significant digits with
# a point among them, 39 and more without one, or an exponent of three digits.
_LONG = "|".join(
    [
        r"0\.0*[1-9][0-9]{17,}",
        *(rf"[1-9][0-9]{{{i}}}\.[0-9]{{{17 - i},}}" for i in range(17)),
        r"[1-9][0-9]{17,}\.[0-9]+",
        r"[1-9][0-9]{38,}",
        r"[0-9][0-9.]*[eE][+-]?[0-9]{3,}",
    ]
)
_TAIL = r"[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
LONG_NUMBER = rf"([:,\[]\s*)(-?(?:{_LONG}){_TAIL})"
MAYBE_LONG = r"[:,\[]\s*-?[0-9][0-9.]*(?:[0-9.]{15}|[eE][+-]?[0-9]{3})"
LONG_INTEGER = r"[:,\[]\s*-?[0-9]{16,}\s*[,}\]]"

# Years 1 to 9999, in milliseconds: what every reader of the table can show.
FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


def exact(properties: str) -> str:
    """SQL: the properties with each number that no number type holds exactly as a string."""
    replaced = f"regexp_replace({properties}, {literal(LONG_NUMBER)}, '\\1\"\\2\"', 'g')"
    return f"case when json_valid({replaced}) then {replaced} else {properties} end"


def timestamp(number: str) -> str:
    """SQL: a time as a double (in ms, or in s as older records have it), as a timestamp."""
    # Seconds reach 1e11 in the year 5138; milliseconds passed it in 1973.
    ms = f"(case when abs({number}) > 1e11 then {number} else {number} * 1000 end)"
    return f"case when {ms} between {FIRST_MS} and {LAST_MS} then epoch_ms({ms}::bigint) end"


@dataclass(frozen=True)
class Source:
    """Landed files of the days from start to end, seen as records by DuckDB."""

    paths: tuple[Path, ...]
    start: date
    end: date
    days: frozenset[date] | None = None  # only these of the file's days; None: all

    def lines(self) -> str:
        """SQL: event_date, event_name, line_bytes, regular, long_integers, properties, typed.

        `typed` is set where values must not be taken from `properties`: it is an object whose
        numbers all fit a type.
        """
        files = ", ".join(literal(str(path)) for path in self.paths)
        return f"""(
            select * from (
                select {self._event_date()} as event_date, event_name, line_bytes, regular,
                       long_integers, properties, typed
                from (
                    select line_bytes, regular, properties,
                           maybe_long and regexp_matches(properties, {literal(LONG_INTEGER)})
                               as long_integers,
                           json_extract_string(line, '$.event') as event_name,
                           case when mended then json_extract(line, '$.properties')::varchar
                                when maybe_long then {exact("properties")} end as typed
                    from (
                        select *, regexp_matches(properties, {literal(MAYBE_LONG)}) as maybe_long
                        from ({_properties(files)})
                    )
                )
            ){self._chosen_days()}
        )"""

    def _event_date(self) -> str:
        if self.start == self.end:
            return f"date {literal(str(self.start))}"
        time = "try_cast(json_extract_string(coalesce(typed, properties), '$.time') as double)"
        return f"cast({timestamp(time)} as date)"

    def _chosen_days(self) -> str:
        if self.days is None or self.start == self.end:
            return ""
        listed = ", ".join(f"date {literal(str(day))}" for day in sorted(self.days))
        return f" where event_date in ({listed})"


def _properties(files: str) -> str:
    return f"""
        select line, strlen(line) as line_bytes, {MENDED} as mended,
               ({REGULAR}) or ({MENDED}) as regular,
               case when {MENDED} then json_extract(line, '$.verbatim')::varchar
                    else substring(line, strpos(line, ',"properties":') + 14,
                                   length(line) - strpos(line, ',"properties":') - 14)
               end as properties
        from (
            select json::varchar as line
            from read_ndjson_objects([{files}], maximum_object_size = {LONGEST_RECORD})
        )"""


def layered(properties: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """SQL that takes the properties (name: type) out of staged records, and where each then is.

    Fields of a DuckDB struct may not differ in case only: such properties go to further layers,
    each a column t0, t1, ...
    """
    layers: list[dict[str, str]] = [{}]
    taken: list[set[str]] = [set()]
    found: dict[str, str] = {}
    for name, type_ in properties.items():
        level = next((i for i, names in enumerate(taken) if name.lower() not in names), len(layers))
        if level == len(layers):
            layers.append({})
            taken.append(set())
        layers[level][name] = type_
        taken[level].add(name.lower())
        found[name] = f"t{level}.{quoted(name)}"
    transforms = [
        f"json_transform(coalesce(typed, properties), "
        f"{literal(json.dumps(layer, ensure_ascii=False))}) as t{i}"
        for i, layer in enumerate(layers)
    ]
    return transforms, found
