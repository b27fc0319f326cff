"""Landed files as SQL: which event, which day, which properties each line holds."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal

from isal.igzip_lib import IsalError

from mixpanel_assets.errors import LoadError
from mixpanel_assets.gzipped import Inflater
from mixpanel_assets.warehouse.connection import literal, quoted
from mixpanel_assets.warehouse.tables import Layout

# DuckDB's own default. Its buffers grow with it, to several times this size for each thread.
LONGEST_RECORD = 16 * 1024 * 1024

WORK_PREFIX = ".load-"
READ_BYTES = 64 * 1024

# Numbers that neither a 128-bit integer nor a double holds: 18 and more significant digits with
# a point among them, 39 and more without one, or an exponent of three digits.
_LONG = "|".join(
    [
        r"0\.0*[1-9][0-9]{17,}",
        *(rf"[1-9][0-9]{{{i}}}\.[0-9]{{{17 - i},}}" for i in range(17)),
        r"[1-9][0-9]{17,}\.[0-9]+",
        r"[1-9][0-9]{17,}[eE][+-]?[0-9]+",
        r"[1-9][0-9]{38,}",
        r"[0-9][0-9.]*[eE][+-]?[0-9]{3,}",
    ]
)
_TAIL = r"[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
# A number follows the colon after a name, or is in a list. An id in text, such as $device:6202e639,
# is none.
_BEFORE = r'(?:":|[\[,])\s*'
LONG_NUMBER = rf"({_BEFORE})(-?(?:{_LONG}){_TAIL})(\s*[,\]}}])"
MAYBE_LONG = rf"{_BEFORE}-?[0-9][0-9.]*(?:[0-9.]{{15}}|[eE][+-]?[0-9]{{3}})"
LONG_INTEGER = rf"{_BEFORE}-?[0-9]{{16,}}\s*[,\]}}]"

# Years 1 to 9999 in every zone, in milliseconds: what every reader of the table can show.
FIRST_MS, LAST_MS = -62_135_510_400_000, 253_402_214_400_000

# How a file is read. plain: no integer in it is so large that a double rounds it. exact: every
# record is searched for such numbers.
Mode = Literal["plain", "exact"]

EXACT_IN_DOUBLE = 2**53
NOT_TEXT = ["UBIGINT", "BIGINT", "DOUBLE", "BOOLEAN", "OBJECT", "ARRAY"]

VALUES = "coalesce(typed, properties)"  # what values are taken from
MOST_SOUGHT = 3  # names to look for in a record before parsing it is cheaper
KEYS = {
    "time": "VARCHAR",
    "distinct_id": "VARCHAR",
    "$insert_id": "VARCHAR",
    "mp_processing_time_ms": "VARCHAR",
}


@dataclass(frozen=True)
class LandedFile:
    """A file on disk, and the days it stands for."""

    path: Path
    start: date
    end: date
    exported_at: datetime
    checksum: str
    days: frozenset[date] | None = None  # only these; None: every day from start to end
    text: Path | None = None  # the same uncompressed, if somebody has it and it is one part

    def dates(self) -> list[date]:
        """The days that loading the file replaces."""
        span = (self.start + timedelta(n) for n in range((self.end - self.start).days + 1))
        return [day for day in span if self.days is None or day in self.days]


@contextmanager
def work_folder(beside: Path) -> Iterator[Path]:
    """A folder for what a load needs on disk, gone afterwards, as are those of killed loads."""
    for left in beside.parent.glob(f"{WORK_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=WORK_PREFIX, dir=beside.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def parts(file: Path, folder: Path, size: int) -> Iterator[Path]:
    """The records of a landed file, uncompressed, about `size` bytes at a time.

    At least one part comes, if only an empty one; each is gone when the next one comes. Raises
    LoadError when the file is not whole any more.
    """
    part = folder / f"{file.name}.part.jsonl"
    rest: bytes | None = b""
    try:
        with file.open("rb") as source:
            chunks = _inflated(source)
            while rest is not None:
                with part.open("wb") as target:
                    rest = _fill(target, rest, chunks, size)
                yield part
    except (IsalError, EOFError, FileNotFoundError) as error:  # type: ignore[misc]  # its stub
        raise LoadError(
            f"{file} is damaged or gone: {error}",
            hint="land its days again: mp materialize events --from DAY --to DAY",
        ) from error
    part.unlink()


def _fill(target: BinaryIO, rest: bytes, chunks: Iterator[bytes], size: int) -> bytes | None:
    """The next `size` bytes or so, up to a line's end; what is left over, or None at the end."""
    written = target.write(rest)
    for chunk in chunks:
        if written + len(chunk) < size:
            written += target.write(chunk)
        elif end := chunk.rfind(b"\n") + 1:
            target.write(chunk[:end])
            return chunk[end:]
        else:
            written += target.write(chunk)
    return None


def _inflated(source: BinaryIO) -> Iterator[bytes]:
    inflater = Inflater()
    while chunk := source.read(READ_BYTES):
        yield from inflater.feed(chunk)
    if not inflater.ended:
        raise EOFError("its gzip stream has no end")


def quoting(properties: str) -> str:
    """SQL: the properties with each number that no number type holds exactly as a string.

    Text that looks like such a number may make it invalid JSON.
    """
    # Twice: of two neighbours in a list the first takes the comma that the second needs.
    for _ in range(2):
        replacement = "'\\1\"\\2\"\\3', 'g'"
        properties = f"regexp_replace({properties}, {literal(LONG_NUMBER)}, {replacement})"
    return properties


def stored_values() -> str:
    """SQL: what values are taken from, of a row of the table."""
    quoted_ = quoting("properties")
    return (
        f"case when regexp_matches(properties, {literal(MAYBE_LONG)}) "
        f"and json_valid({quoted_}) then {quoted_} else properties end"
    )


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


def lines(
    path: Path,
    file: LandedFile,
    mode: Mode,
    layout: Layout,
    watched: Mapping[str, str],
    *,
    mended: bool = False,
) -> str:
    """SQL: a part of the file, one record a row; `mended`, if it holds what `mend` has written.

    event_date, event_name, line_bytes; `regular`, else the line has to be mended; `repaired`;
    long_integers; `properties` as sent; `typed`, where that is another, an object whose numbers all
    fit a type; two hashes of the key of duplicates, and what decides between those; whether a
    watched number is `large`, or a watched list `mixed`. A profile has no event, no day, no key and
    nothing watched, but a distinct_id.
    """
    records = _mended(path) if mended else _as_sent(path, mode, layout)
    records = f"""
        select *, coalesce(laid_out and properties is not null
                           and (typed is null or json_valid(typed)), false) as regular
        from ({records})"""
    if not layout.of_events:
        return f"""(
            select null::date as event_date, null::varchar as event_name, name as distinct_id,
                   line_bytes, long_integers, properties, typed, regular, repaired
            from ({records})
        )"""
    wanted = literal(json.dumps({**KEYS, **watched}, ensure_ascii=False))
    return f"""(
        select * from (
            select {_event_date(file)} as event_date, name as event_name, line_bytes, long_integers,
                   properties, typed, regular, repaired,
                   hash(name, keys.distinct_id, moment, insert_id) as hash_1,
                   hash(insert_id, moment, keys.distinct_id, name, 1) as hash_2,
                   insert_id is not null as has_key, processed,
                   {_any(watched, "DOUBLE", large)} as large,
                   {_any(watched, "JSON", mixed)} as mixed
            from (
                select *, nullif(keys."$insert_id", '') as insert_id,
                       coalesce({milliseconds("time_number")}::varchar, keys.time) as moment,
                       coalesce(try_cast(keys.mp_processing_time_ms as double), 0) as processed
                from (
                    select *, try_cast(keys.time as double) as time_number
                    from (
                        select *,
                               case when regular then json_transform({VALUES}, {wanted}) end as keys
                        from ({records})
                    )
                )
            )
        ){_chosen_days(file)}
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


def large(number: str) -> str:
    """SQL: a double may have rounded the number."""
    return f"abs({number}) >= {EXACT_IN_DOUBLE}"  # 2^53 + 1 is read as 2^53


def mixed(list_: str) -> str:
    """SQL: the list holds other things than text."""
    return f"list_has_any(json_type({list_}, '$[*]'), {NOT_TEXT})"


def _any(watched: Mapping[str, str], kind: str, told: Callable[[str], str]) -> str:
    which = [told(f"keys.{quoted(name)}") for name, type_ in watched.items() if type_ == kind]
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
    # What is of none of the file's days at all stays in sight: it must not get lost.
    within = f"event_date between date '{file.start}' and date '{file.end}'"
    return f" where event_date in ({listed}) or ({within}) is not true"


def layered(
    properties: Mapping[str, str], source: str, stem: str = "t"
) -> tuple[list[str], dict[str, str]]:
    """SQL that takes the properties (name: type) out of records, and where each then is.

    Fields of a DuckDB struct may not differ in case only: such properties go to further layers,
    each a column t0, t1, ... of the stem.
    """
    layers: list[dict[str, str]] = []
    taken: list[set[str]] = []
    found: dict[str, str] = {}
    for name, type_ in properties.items():
        level = next((i for i, names in enumerate(taken) if name.lower() not in names), len(layers))
        if level == len(layers):
            layers.append({})
            taken.append(set())
        layers[level][name] = type_
        taken[level].add(name.lower())
        found[name] = f"{stem}{level}.{quoted(name)}"
    transforms = [
        f"{_transform(layer, source, sought=i > 0)} as {stem}{i}" for i, layer in enumerate(layers)
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
