"""The only module that writes to stdout and stderr, and that knows exit codes."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixpanel_assets import notes, outfiles
from mixpanel_assets.cli import formats, streams
from mixpanel_assets.cli.brief import brief
from mixpanel_assets.errors import ConfigError, MixpanelDataError, OutputError, without_secrets
from mixpanel_assets.naming import distinct
from mixpanel_assets.results import Result, SavedRows, SQLResult
from mixpanel_assets.shown import visible, visible_json
from mixpanel_assets.values import csv_lines, object_json, to_json

if TYPE_CHECKING:
    from mixpanel_assets.charts import Chart
    from mixpanel_assets.cli.jq import Program

INTERRUPTED = 130
LINES_AT_ONCE = 500
MOST_BYTES = 16_000  # of formats for people, unless --max-bytes says otherwise
MUCH = 64_000  # bytes of a format for programs
EXIT_CODES = {
    0: "done",
    1: "failed",
    2: "usage or configuration error; nothing was attempted",
    3: "not allowed by the credentials or the plan",
    4: "not found",
    5: "temporary: retry later (rate limit, lock, network)",
    6: "invalid query or filter",
    INTERRUPTED: "interrupted",
}


class Format(StrEnum):
    """The format of an answer."""

    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    md = "md"
    table = "table"
    plain = "plain"
    chart = "chart"


# The formats of a command whose answers have no chart. To mypy, an enum's members are literals.
_make: Any = StrEnum
Chartless = _make("Chartless", [one.value for one in Format if one is not Format.chart])

LAYOUTS: dict[Format, formats.Layout] = {
    Format.md: formats.markdown_lines,
    Format.table: formats.table_lines,
    Format.plain: formats.plain_lines,
}


def default_format() -> Format | None:
    """MP_FORMAT; None without it."""
    name = os.environ.get("MP_FORMAT")
    if not name:
        return None
    try:
        return Format(name)
    except ValueError:
        raise ConfigError(
            f"MP_FORMAT={name} is not a format", hint=f"one of {', '.join(Format)}"
        ) from None


@dataclass(frozen=True)
class Target:
    """A file that --chart or --save names, at or under the working folder."""

    path: Path
    replace: bool = False

    def check_chart(self) -> None:
        """Raise UsageError or ConfigError if no chart can be written there."""
        from mixpanel_assets.charts import files

        files.check(self.path, replace=self.replace, under=Path.cwd())

    def check_rows(self) -> None:
        """Raise UsageError if no rows can be written there."""
        outfiles.check(self.path, outfiles.ROWS, replace=self.replace, under=Path.cwd())

    def draw(self, chart: Chart) -> None:
        """Write the chart to the file."""
        from mixpanel_assets.charts import files

        files.write(chart, self.path, replace=self.replace, under=Path.cwd())

    def save(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> SavedRows:
        """Write the rows to the file."""
        from mixpanel_assets.warehouse.save import save_lines

        names = distinct(columns)
        labels = [to_json(name) for name in names]
        with tempfile.TemporaryDirectory(prefix="mixpanel-assets-") as folder:
            lines = Path(folder) / "rows.jsonl"
            with lines.open("w", encoding="utf-8", errors="replace") as file:
                file.writelines(object_json(labels, row) + "\n" for row in rows)
            return save_lines(lines, names, self.path, replace=self.replace)


@dataclass(frozen=True)
class Form:
    """How an answer is written: its format, after a jq program, to what size, with which chart."""

    format: Format
    program: Program | None = None
    max_bytes: int = 0
    given: bool = False  # by --format
    for_eyes: bool = False  # by nobody, and stdout is a terminal
    picture: Target | None = None
    saved: Target | None = None

    @property
    def structured(self) -> bool:
        """Whether the format is JSON."""
        return self.format in (Format.json, Format.jsonl)

    @property
    def held(self) -> bool:
        """Whether writing starts only after all rows are read."""
        return self.program is not None or (self.format is Format.table and not self.max_bytes)


def wanted(
    format_: str | None,
    jq: str | None,
    max_bytes: int,
    picture: Target | None = None,
    saved: Target | None = None,
    *,
    charted: bool = False,
) -> Form:
    """The form that the options ask for; a usage error if they conflict, or can't be followed."""
    chosen = Format(format_) if format_ else default_format()
    for_eyes = chosen is None and jq is None and streams.to_terminal()
    kind = chosen or (Format.table if for_eyes else Format.json)
    if kind is Format.chart and not charted:
        raise ConfigError(
            "MP_FORMAT=chart: this command's answer has no chart",
            hint=f"use --format {', '.join(Chartless)}",
        )
    if picture:
        picture.check_chart()
    if saved:
        saved.check_rows()
    given = format_ is not None
    form = Form(
        kind, max_bytes=max_bytes, given=given, for_eyes=for_eyes, picture=picture, saved=saved
    )
    if jq is None:
        return form
    from mixpanel_assets.cli.jq import compiled

    return replace(form, program=compiled(jq, form.format))


def answer(value: Any, form: Form, *, column: str | None = None) -> None:
    """Write the answer to stdout: a result, an object, or a list of these or of values.

    In tables, plain values form one column, named `column`.
    """
    if form.format is Format.chart:
        from mixpanel_assets.cli import pictures

        _put([pictures.text(_chart(value))])
        return
    if form.for_eyes and hasattr(value, "summary"):
        write(visible(value.summary(), keep="\n") + "\n")
        return
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


def pictured(value: Any, form: Form) -> Any:
    """Write the file of --chart; the answer, in json with the file's path as `chart`."""
    if form.picture is None:
        return value
    form.picture.draw(_chart(value))
    if form.format is Format.json:
        return {**value.to_dict(), "chart": str(form.picture.path)}
    notes.note(f"the chart is in {form.picture.path}")
    return value


def _chart(value: Any) -> Chart:
    chart = value.chart() if isinstance(value, Result) else None
    if chart is None:
        raise OutputError(
            "this answer has no chart: only a table shows it well",
            hint=f"use --format {', '.join(Chartless)}, without --chart",
        )
    return chart


def answer_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Form) -> bool:
    """Write the rows to stdout as they come; False if they were cut, with a line that says so.

    In JSON, columns of the same name get _2, _3 ... so that none is lost.
    """
    if form.structured:
        names = [to_json(name) for name in distinct(columns)]
        _lines((object_json(names, row) for row in rows), form)
    elif form.format is Format.csv:
        _pour(csv_lines(chain([columns], rows)), form)
    else:
        return _for_people(columns, rows, form)
    return True


def answer_value(value: Any, form: Form) -> None:
    """Write a single value to stdout."""
    if form.structured:
        _document(to_json(value), form)
    elif form.format is Format.csv:
        _pour(csv_lines([[value]]), form)
    else:
        _for_people([], [[value]], Form(Format.plain, max_bytes=form.max_bytes))


def _for_people(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Form) -> bool:
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
            f"cells are cut after {formats.WIDEST} characters; use --format json for full values"
        )
    return whole


def _plain(value: Any) -> Any:
    return value.to_dict() if hasattr(value, "to_dict") else value


def _structured(value: Any, form: Form) -> None:
    """In jsonl, write a line for each item of a list; otherwise one line."""
    if isinstance(value, list) and (form.program or form.format is Format.jsonl):
        _lines((to_json(_plain(item)) for item in value), form)
        return
    whole = [_plain(item) for item in value] if isinstance(value, list) else _plain(value)
    _document(to_json(whole), form)


def _document(text: str, form: Form) -> None:
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
    """Write a single result of --jq by itself, several as a list in json and lines in jsonl."""
    assert form.program
    items = [to_json(result) for result in form.program.results(text)]
    if form.format is Format.jsonl:
        _pour((item + "\n" for item in items), form)
    else:
        _pour([items[0] if len(items) == 1 else f"[{', '.join(items)}]", "\n"], form)


def _pour(pieces: Iterable[str], form: Form) -> None:
    """Write a whole answer to stdout; note if it is large and does not go into a file.

    Control characters are escaped on a terminal.
    """
    if streams.to_terminal():
        pieces = map(visible_json if form.structured else _visible_lines, pieces)
    size = _put(pieces)
    if size > MUCH and not streams.to_file():
        smaller = ", or a part with --jq" if form.structured else ""
        amount = f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size // 1000} KB"
        notes.note(f"the answer is {amount}; select fewer rows or columns{smaller}")


def _put(pieces: Iterable[str]) -> int:
    """Write these to stdout as valid UTF-8; return the number of bytes."""
    size = sum(sys.stdout.buffer.write(piece.encode("utf-8", "replace")) for piece in pieces)
    sys.stdout.buffer.flush()
    return size


def _visible_lines(text: str) -> str:
    return visible(text, keep="\n\t")


def write(text: str) -> None:
    """Write a text of our own to stdout."""
    _put([text])


def write_lines(lines: Iterable[str]) -> int:
    """Write each JSON text as a line of stdout, some at a time; return their number."""
    count, waiting = 0, iter(lines)
    shown = visible_json if streams.to_terminal() else str
    while some := list(islice(waiting, LINES_AT_ONCE)):
        count += len(some)
        _put(f"{shown(line)}\n" for line in some)
    return count


def line_of(message: str) -> str:
    """The message as a line on stderr."""
    return f"mp: {visible(without_secrets(message))}"


def note(message: str) -> None:
    """Write a message to stderr."""
    print(line_of(message), file=sys.stderr, flush=True)


def ask(question: str, *, hidden: bool = False) -> str:
    """The user's answer to a prompt; a hidden one is not echoed."""
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
        raise KeyboardInterrupt  # end of input: Ctrl-D, or a closed terminal
    return line.strip()


def fail(error: MixpanelDataError) -> int:
    """Write the error to stderr, in brief; return the exit code."""
    told = brief(error.to_dict(), _error_line)
    if sys.stderr.isatty():
        print(f"mp: {_visible_lines(told['message'])}", file=sys.stderr)
        if told["hint"]:
            print(f"    {_visible_lines(told['hint'])}", file=sys.stderr)
    else:
        print(_error_line(told), file=sys.stderr)
    sys.stderr.flush()
    return error.exit_code


def _error_line(error: dict[str, Any]) -> str:
    return visible_json(to_json({"error": error}))


def trace() -> None:
    """Write the traceback of the current exception to stderr."""
    text = without_secrets(traceback.format_exc())
    print(_visible_lines(text), end="", file=sys.stderr, flush=True)
