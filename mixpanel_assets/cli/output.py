"""The only writer of stdout and stderr, and of exit codes."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mixpanel_assets.errors import ConfigError, MixpanelDataError, without_secrets
from mixpanel_assets.results import JSONText, Result, SQLResult

if TYPE_CHECKING:
    from mixpanel_assets.cli.filters import Program

INTERRUPTED = 130
LINES_AT_ONCE = 500
EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "usage or configuration, nothing was attempted",
    3: "Mixpanel refused the credentials or the plan",
    4: "not found",
    5: "may pass later (rate limit, lock, network)",
    6: "the question is wrong",
    INTERRUPTED: "interrupted",
}


class Format(StrEnum):
    """How an answer is written."""

    json = "json"
    jsonl = "jsonl"
    table = "table"
    csv = "csv"
    plain = "plain"


def default_format() -> Format:
    """MP_FORMAT, or json."""
    name = os.environ.get("MP_FORMAT") or "json"
    try:
        return Format(name)
    except ValueError:
        raise ConfigError(
            f"MP_FORMAT={name} is not a format", hint=f"one of {', '.join(Format)}"
        ) from None


@dataclass(frozen=True)
class Form:
    """How an answer is wanted: its format, and what --jq makes of it first."""

    format: Format
    program: Program | None = None


def wanted(format_: Format | None, jq: str | None = None) -> Form:
    """What --format and --jq say; if they make no sense, that is said before any work is done."""
    form = Form(format_ or default_format())
    if jq is None:
        return form
    from mixpanel_assets.cli.filters import compiled

    return Form(form.format, compiled(jq, form.format))


def answer(value: Any, form: Form | Format | None = None, *, column: str | None = None) -> None:
    """The answer is on stdout: a result, an object, or a list of these or of values.

    In tables, values alone are a column of that name.
    """
    form = _form(form)
    structured = form.format in (Format.json, Format.jsonl)
    if isinstance(value, SQLResult) or (isinstance(value, Result) and not structured):
        answer_rows(*value.to_rows(), form)
        return
    if structured:
        _structured(value, form)
        return
    items = [_plain(row) for row in (value if isinstance(value, list) else [value])]
    rows = [row if isinstance(row, Mapping) else {column or "value": row} for row in items]
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = names or ([column] if column else [])
    answer_rows(names, ([row.get(name) for name in names] for row in rows), form)


def answer_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Form | Format | None = None
) -> None:
    """The rows are on stdout; in JSON, columns of one name get _2, _3 ... so that none is lost."""
    form = _form(form)
    if form.format in (Format.json, Format.jsonl):
        names = [to_json(name) for name in _distinct(columns)]
        _lines([_object(names, row) for row in rows], form)
    elif form.format is Format.csv:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(value) for value in row] for row in rows)
        write(text.getvalue())
    elif form.format is Format.plain:
        write("".join("\t".join(_flat(value) for value in row) + "\n" for row in rows))
    else:
        write(_table(columns, [[_flat(value) for value in row] for row in rows]))


def answer_value(value: Any, form: Form) -> None:
    """One value alone is on stdout."""
    if form.program:
        _filtered(to_json(value), form)
    elif form.format in (Format.json, Format.jsonl):
        write(to_json(value) + "\n")
    else:
        write(cell(value) + "\n")


def _form(form: Form | Format | None) -> Form:
    return form if isinstance(form, Form) else Form(form or default_format())


def _plain(value: Any) -> Any:
    return value.to_dict() if isinstance(value, Result) else value


def _structured(value: Any, form: Form) -> None:
    """A list has a line for each of its items in jsonl; anything else is one line."""
    items = [to_json(_plain(row)) for row in (value if isinstance(value, list) else [value])]
    if isinstance(value, list) and (form.program or form.format is Format.jsonl):
        _lines(items, form)
    elif form.program:
        _filtered(items[0], form)
    else:
        write((f"[{', '.join(items)}]" if isinstance(value, list) else items[0]) + "\n")


def _lines(items: list[str], form: Form) -> None:
    if form.program:
        _filtered(f"[{','.join(items)}]", form)
    elif form.format is Format.jsonl:
        write("".join(item + "\n" for item in items))
    else:
        write("[" + ",\n ".join(items) + "]\n")


def _filtered(text: str, form: Form) -> None:
    """One result of --jq is alone; others are a list in json, and lines in jsonl."""
    assert form.program
    items = [to_json(result) for result in form.program.results(text)]
    if form.format is Format.jsonl:
        write("".join(item + "\n" for item in items))
    else:
        write((items[0] if len(items) == 1 else f"[{', '.join(items)}]") + "\n")


def write(text: str) -> None:
    """The text is on stdout, in valid UTF-8 whatever it holds."""
    try:
        sys.stdout.buffer.write(text.encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read stdout has seen enough; Python must not complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def write_lines(lines: Iterable[str]) -> int:
    """Each text is a line of stdout, as soon as a few are there; how many they were."""
    count, waiting = 0, iter(lines)
    while some := list(islice(waiting, LINES_AT_ONCE)):
        count += len(some)
        write("".join(line + "\n" for line in some))
    return count


def note(message: str) -> None:
    """A line on stderr, for a person."""
    print(f"mp: {without_secrets(message)}", file=sys.stderr, flush=True)


def trace() -> None:
    """Where the exception in hand comes from is on stderr."""
    from traceback import format_exc

    print(without_secrets(format_exc()), end="", file=sys.stderr, flush=True)


def ask(question: str, *, hidden: bool = False) -> str:
    """What a person on the terminal answers; what is hidden does not show while it is typed."""
    if hidden:
        from getpass import getpass

        try:
            return getpass(question, stream=sys.stderr)
        except EOFError:
            raise KeyboardInterrupt from None
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt  # the terminal was closed, or Ctrl-D typed
    return line.strip()


def fail(error: MixpanelDataError) -> int:
    """The failure is on stderr, last; the exit code is returned."""
    if sys.stderr.isatty():
        print(f"mp: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"    {error.hint}", file=sys.stderr)
    else:
        print(to_json({"error": error.to_dict()}), file=sys.stderr)
    sys.stderr.flush()
    return error.exit_code


def to_json(value: Any) -> str:
    """The value as JSON: exact integers and decimals, ISO dates, null for what is no number."""
    if isinstance(value, JSONText):
        return str(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False)
    if isinstance(value, float):
        return json.dumps(value) if math.isfinite(value) else "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else "null"
    if isinstance(value, Mapping):
        return "{" + ", ".join(_member(name, item) for name, item in value.items()) + "}"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(to_json(item) for item in value) + "]"
    return to_json(_text(value))


def _member(name: Any, value: Any) -> str:
    return f"{to_json(str(name))}: {to_json(value)}"


def _object(names: Sequence[str], row: Sequence[Any]) -> str:
    members = (f"{name}: {to_json(value)}" for name, value in zip(names, row, strict=True))
    return "{" + ", ".join(members) + "}"


def _distinct(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        name, count = column, 1
        while name in names:
            count += 1
            name = f"{column}_{count}"
        names.append(name)
    return names


def _text(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, UUID):
        return str(value)
    return str(value)


def cell(value: Any) -> str:
    """The value as text for a cell of a table: JSON where it is nested, empty for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int | float | Decimal | list | tuple | Mapping):
        text = to_json(value)
        return "" if text == "null" else text  # what is no number is empty, as null is
    return _text(value)


def _flat(value: Any) -> str:
    return cell(value).replace("\t", " ").replace("\r", " ").replace("\n", " ")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    from rich.cells import cell_len

    widths = [max(map(cell_len, texts)) for texts in zip(columns, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell + " " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True)
        )
        return "  ".join(padded).rstrip() + "\n"

    rule = line(["-" * width for width in widths])
    return line(list(columns)) + rule + "".join(line(row) for row in rows)
