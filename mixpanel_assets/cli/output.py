"""The only writer of stdout and stderr, and of exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from mixpanel_assets import notes
from mixpanel_assets.cli import formats, streams
from mixpanel_assets.cli.values import distinct, object_json, to_json
from mixpanel_assets.errors import ConfigError, MixpanelDataError, without_secrets
from mixpanel_assets.results import Result, SQLResult
from mixpanel_assets.shown import visible, visible_json

if TYPE_CHECKING:
    from mixpanel_assets.cli.jq import Program

INTERRUPTED = 130
LINES_AT_ONCE = 500
MOST_BYTES = 16_000  # of what is for eyes, unless --max-bytes says otherwise
MUCH = 64_000  # bytes of what is for programs
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
    csv = "csv"
    md = "md"
    table = "table"
    plain = "plain"


LAYOUTS: dict[Format, formats.Layout] = {
    Format.md: formats.markdown_lines,
    Format.table: formats.table_lines,
    Format.plain: formats.plain_lines,
}


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
    """How an answer is wanted: its format, what --jq makes of it first, and where it ends."""

    format: Format
    program: Program | None = None
    max_bytes: int = 0
    given: bool = False  # by --format

    @property
    def structured(self) -> bool:
        """It is JSON."""
        return self.format in (Format.json, Format.jsonl)

    @property
    def held(self) -> bool:
        """All rows have to be there before the first of them is written."""
        return self.program is not None or (self.format is Format.table and not self.max_bytes)


def wanted(format_: Format | None, jq: str | None, max_bytes: int) -> Form:
    """What --format, --jq and --max-bytes say; a usage error if that makes no sense."""
    form = Form(format_ or default_format(), max_bytes=max_bytes, given=format_ is not None)
    if jq is None:
        return form
    from mixpanel_assets.cli.jq import compiled

    return replace(form, program=compiled(jq, form.format))


def answer(value: Any, form: Form, *, column: str | None = None) -> None:
    """The answer is on stdout: a result, an object, or a list of these or of values.

    In tables, values alone are a column of that name.
    """
    if isinstance(value, SQLResult) or (isinstance(value, Result) and not form.structured):
        answer_rows(*value.to_rows(), form)
        return
    if form.structured:
        _structured(value, form)
        return
    items = [_plain(row) for row in (value if isinstance(value, list) else [value])]
    rows = [row if isinstance(row, Mapping) else {column or "value": row} for row in items]
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = names or ([column] if column else [])
    answer_rows(names, [[row.get(name) for name in names] for row in rows], form)


def answer_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Form) -> bool:
    """The rows are on stdout, as they come; False if it ends before them, which is said there.

    In JSON, columns of one name get _2, _3 ... so that none is lost.
    """
    if form.structured:
        names = [to_json(name) for name in distinct(columns)]
        _lines((object_json(names, row) for row in rows), form)
    elif form.format is Format.csv:
        _pour(formats.csv_lines(chain([columns], rows)), form)
    else:
        return _for_eyes(columns, rows, form)
    return True


def answer_value(value: Any, form: Form) -> None:
    """One value alone is on stdout."""
    if form.program:
        _filtered(to_json(value), form)
    elif form.structured:
        _pour([to_json(value) + "\n"], form)
    elif form.format is Format.csv:
        _pour(formats.csv_lines([[value]]), form)
    else:
        _for_eyes([], [[value]], Form(Format.plain, max_bytes=form.max_bytes))


def _for_eyes(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Form) -> bool:
    names, layout = formats.shown(columns), LAYOUTS[form.format]
    if form.max_bytes:
        lines, kept, whole = formats.bounded(layout, names, rows, form.max_bytes)
        _put(lines)
        cut = any(map(formats.any_cut, kept))
    else:
        cells, whole = formats.Cells(rows), True
        _put(layout(names, cells))
        cut = cells.cut
    if cut or (form.format is not Format.plain and formats.any_cut(names)):
        notes.note(
            f"cells wider than {formats.WIDEST} characters are cut; --format json has them whole"
        )
    return whole


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def _structured(value: Any, form: Form) -> None:
    """A list has a line for each of its items in jsonl; anything else is one line."""
    if isinstance(value, list) and (form.program or form.format is Format.jsonl):
        _lines((to_json(_plain(item)) for item in value), form)
        return
    text = to_json([_plain(item) for item in value] if isinstance(value, list) else _plain(value))
    if form.program:
        _filtered(text, form)
    else:
        _pour([text, "\n"], form)


def _lines(items: Iterable[str], form: Form) -> None:
    if form.program:
        _filtered(f"[{','.join(items)}]", form)
    elif form.format is Format.jsonl:
        _pour((item + "\n" for item in items), form)
    else:
        _pour(formats.json_list(items), form)


def _filtered(text: str, form: Form) -> None:
    """One result of --jq is alone; others are a list in json, and lines in jsonl."""
    assert form.program
    items = [to_json(result) for result in form.program.results(text)]
    if form.format is Format.jsonl:
        _pour((item + "\n" for item in items), form)
    else:
        _pour([items[0] if len(items) == 1 else f"[{', '.join(items)}]", "\n"], form)


def _pour(pieces: Iterable[str], form: Form) -> None:
    """A whole answer for a program is on stdout; if it is large and no file's, that is said.

    On a terminal, what could command that is escaped.
    """
    if streams.to_terminal():
        pieces = map(visible_json if form.structured else _visible_lines, pieces)
    size = _put(pieces)
    if size > MUCH and not streams.to_file():
        smaller = ", or a part by --jq" if form.structured else ""
        notes.note(f"the answer is {_amount(size)}; smaller: fewer rows or columns{smaller}")


def _put(pieces: Iterable[str]) -> int:
    """These are on stdout, in valid UTF-8 whatever they hold; how many bytes they are."""
    size = 0
    for piece in pieces:
        size += sys.stdout.buffer.write(piece.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    return size


def _amount(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size // 1000} KB"


def _visible_lines(text: str) -> str:
    return visible(text, keep="\n\t")


def write(text: str) -> None:
    """A text of ours is on stdout."""
    _put([text])


def write_lines(lines: Iterable[str]) -> int:
    """Each text of JSON is a line of stdout, as soon as a few are there; how many they were."""
    count, waiting = 0, iter(lines)
    shown = visible_json if streams.to_terminal() else str
    while some := list(islice(waiting, LINES_AT_ONCE)):
        count += len(some)
        _put(f"{shown(line)}\n" for line in some)
    return count


def told(message: str) -> str:
    """The message as a line for a person."""
    return f"mp: {visible(without_secrets(message))}"


def note(message: str) -> None:
    """A line on stderr, for a person."""
    print(told(message), file=sys.stderr, flush=True)


def ask(question: str, *, hidden: bool = False) -> str:
    """What a person on the terminal answers; what is hidden does not show while it is typed."""
    question = visible(question)
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
        print(f"mp: {_visible_lines(error.message)}", file=sys.stderr)
        if error.hint:
            print(f"    {_visible_lines(error.hint)}", file=sys.stderr)
    else:
        print(visible_json(to_json({"error": error.to_dict()})), file=sys.stderr)
    sys.stderr.flush()
    return error.exit_code


def trace() -> None:
    """Where the failure that is being handled came from is on stderr."""
    text = without_secrets(traceback.format_exc())
    print(_visible_lines(text), end="", file=sys.stderr, flush=True)
