"""Landed files as SQL: which event, which day, which properties each line holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mixpanel_assets.landed import LandedFile
from mixpanel_assets.warehouse.numbers import LONG_INTEGER, MAYBE_LONG, large, mixed, quoting
from mixpanel_assets.warehouse.sql import literal, quoted
from mixpanel_assets.warehouse.tables import Layout

# DuckDB's own default. Its buffers grow with it, to several times this size for each thread.
LONGEST_RECORD = 16 * 1024 * 1024

# Years 1 to 9999 in every zone, in milliseconds: what every reader of the table can show.
FIRST_MS, LAST_MS = -62_135_510_400_000, 253_402_214_400_000

# How a file is read. plain: no integer in it is so large that a double rounds it. exact: every
# record is searched for such numbers.
Mode = Literal["plain", "exact"]

VALUES = "coalesce(typed, properties)"  # what values are taken from
MOST_SOUGHT = 3  # names to look for in a record before parsing it is cheaper
KEYS = dict.fromkeys(("time", "distinct_id", "$insert_id", "mp_processing_time_ms"), "VARCHAR")


def milliseconds(number: str) -> str:
    """SQL: a time as a double (in ms, or in s as older records have it) in whole ms, or null."""
    # Seconds reach 1e11 in the year 5138; milliseconds passed it in 1973.
    ms = f"(case when abs({number}) > 1e11 then {number} else {number} * 1000 end)"
    return f"case when {ms} between {FIRST_MS} and {LAST_MS} then {ms}::bigint end"


def timestamp(number: str) -> str:
    """SQL: such a time as a timestamp."""
    return f"epoch_ms({milliseconds(number)})"


def in_utc(moment: str) -> str:
    """SQL: a timestamp without zone as one that is of UTC."""
    return f"make_timestamptz(epoch_us({moment}))"  # ten times faster than timezone('UTC', ...)


@dataclass(frozen=True)
class Records:
    """How the lines of a landed file are read."""

    file: LandedFile
    mode: Mode
    layout: Layout
    watched: Mapping[str, str]  # properties that are looked into on the way: name, type

    def sent(self, part: Path) -> str:
        """SQL: a part of the file, one record a row.

        event_date, event_name, line_bytes; `regular`, else the line has to be mended; `repaired`;
        long_integers; `properties` as sent; `typed`, where that is another, an object whose numbers
        all fit a type; two hashes of the key of duplicates, and what decides between those; whether
        a watched number is `large`, or a watched list `mixed`. A profile has no event, no day, no
        key and nothing watched, but a distinct_id.
        """
        return self._rows(_as_sent(part, self.mode, self.layout))

    def mended(self, part: Path) -> str:
        """SQL: the same of what `mend` has written."""
        return self._rows(_mended(part))

    def _rows(self, records: str) -> str:
        records = f"""
            select *, coalesce(laid_out and properties is not null
                               and (typed is null or json_valid(typed)), false) as regular
            from ({records})"""
        if not self.layout.of_events:
            return f"""(
                select null::date as event_date, null::varchar as event_name, name as distinct_id,
                       line_bytes, long_integers, properties, typed, regular, repaired
                from ({records})
            )"""
        wanted = literal(json.dumps({**KEYS, **self.watched}, ensure_ascii=False))
        return f"""(
            select * from (
                select {_event_date(self.file)} as event_date, name as event_name, line_bytes,
                       long_integers, properties, typed, regular, repaired,
                       hash(name, keys.distinct_id, moment, insert_id) as hash_1,
                       hash(insert_id, moment, keys.distinct_id, name, 1) as hash_2,
                       insert_id is not null as has_key, processed,
                       {_any(self.watched, "DOUBLE", large)} as large,
                       {_any(self.watched, "JSON", mixed)} as mixed
                from (
                    select *, nullif(keys."$insert_id", '') as insert_id,
                           coalesce({milliseconds("time_number")}::varchar, keys.time) as moment,
                           coalesce(try_cast(keys.mp_processing_time_ms as double), 0) as processed
                    from (
                        select *, try_cast(keys.time as double) as time_number
                        from (
                            select *, case when regular then json_transform({VALUES}, {wanted}) end
                                      as keys
                            from ({records})
                        )
                    )
                )
            ){_chosen_days(self.file)}
        )"""


def _as_sent(path: Path, mode: Mode, layout: Layout) -> str:
    # A line as Mixpanel writes it: {"event":"...","properties":{...}}. Any other is mended.
    name, properties = layout.keys
    opening = f',"{properties}":'
    laid_out = (
        f"""starts_with(line, '{{"{name}":"') and ends_with(line, '}}}}') """
        f"""and contains(line, '"{opening}{{')"""
    )
    sent = (
        f"substring(line, strpos(line, '{opening}') + {len(opening)}, "
        f"length(line) - strpos(line, '{opening}') - {len(opening)})"
    )
    # What DuckDB writes just as it was sent has no number that a double rounds, but for integers:
    # those stay as they are. That costs a quarter of searching the text for numbers.
    maybe_long = f"regexp_matches({sent}, {literal(MAYBE_LONG)})"
    if mode != "exact":
        maybe_long = f"case when same then false else {maybe_long} end"
    return f"""
        select *, case when maybe_long then {quoting("properties")} end as typed,
               case when maybe_long then regexp_matches(properties, {literal(LONG_INTEGER)})
                    else false end as long_integers, false as repaired
        from (
            select line_bytes, laid_out, name, {maybe_long} as maybe_long,
                   case when same then written
                        when laid_out then try_cast({sent} as json) end as properties
            from (
                select line, strlen(line) as line_bytes, {laid_out} as laid_out,
                       found[1]->>'$' as name, found[2] as written,
                       coalesce(ends_with(line, '{opening}' || found[2] || '}}'), false) as same
                from (
                    select line, json_extract(line, ['$."{name}"', '$."{properties}"']) as found
                    from {_read(path)}
                )
            )
        )"""


def _mended(path: Path) -> str:
    return f"""
        select strlen(properties) as line_bytes, true as laid_out, name,
               properties::json as properties, repaired,
               case when json_type(line, '$.typed') = 'OBJECT'
                    then json_extract(line, '$.typed')::varchar end as typed,
               regexp_matches(line, {literal(LONG_INTEGER)}) as long_integers
        from (
            select line, json_extract_string(line, '$.name') as name,
                   json_extract_string(line, '$.sent') as properties,
                   json_extract_string(line, '$.repaired') = 'true' as repaired
            from {_read(path)}
        )"""


def _read(path: Path) -> str:
    # A line that DuckDB can't parse is null: it is counted, and mended. None may be lost.
    return f"""(
        select json::varchar as line
        from read_ndjson_objects({literal(str(path))}, compression = 'uncompressed',
                                 maximum_object_size = {LONGEST_RECORD}, ignore_errors = true)
    )"""


def _any(watched: Mapping[str, str], kind: str, test: Callable[[str], str]) -> str:
    which = [test(f"keys.{quoted(name)}") for name, type_ in watched.items() if type_ == kind]
    return " or ".join(which) or "false"


def _event_date(file: LandedFile) -> str:
    # What Mixpanel exports for one day is of that day, whatever its time says.
    if file.start == file.end:
        return f"date '{file.start}'"
    return f"cast({timestamp('time_number')} as date)"


def _chosen_days(file: LandedFile) -> str:
    if file.days is None or file.start == file.end:
        return ""
    listed = ", ".join(f"date {literal(str(day))}" for day in sorted(file.days))
    # What is of none of the file's days is not left out: it must not get lost.
    within = f"event_date between date '{file.start}' and date '{file.end}'"
    return f" where event_date in ({listed}) or ({within}) is not true"


def layered(
    properties: Mapping[str, str], source: str, stem: str = "t"
) -> tuple[list[str], dict[str, str]]:
    """SQL that takes the properties (name: type) out of records, and where each then is.

    Fields of a DuckDB struct may not differ in case only: such properties go to further layers,
    each a column t0, t1, ... of the stem.
    """
    layers: list[dict[str, tuple[str, str]]] = []  # by name in lower case
    found: dict[str, str] = {}
    for name, type_ in properties.items():
        key = name.lower()
        level = next((i for i, layer in enumerate(layers) if key not in layer), len(layers))
        if level == len(layers):
            layers.append({})
        layers[level][key] = (name, type_)
        found[name] = f"{stem}{level}.{quoted(name)}"
    transforms = [
        f"{_transform(dict(layer.values()), source, sought=i > 0)} as {stem}{i}"
        for i, layer in enumerate(layers)
    ]
    return transforms, found


def _transform(properties: Mapping[str, str], source: str, *, sought: bool) -> str:
    """SQL: the properties as a struct; `sought`, when few records have any: null for the others."""
    taken = f"json_transform({source}, {literal(json.dumps(properties, ensure_ascii=False))})"
    if not sought or len(properties) > MOST_SOUGHT:
        return taken
    # With the quote before the name, which is everywhere, the search takes ten times as long. A
    # name can be written in other ways, but none without a backslash.
    texts = ["\\", *(f'{name}"' for name in properties)]
    found = " or ".join(f"contains({source}, {literal(text)})" for text in texts)
    return f"case when {found} then {taken} end"
