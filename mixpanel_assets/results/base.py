"""What every result can do: plain data, a DataFrame made when it is asked for, a short repr."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mixpanel_assets.results.frames import frame

if TYPE_CHECKING:
    import pandas as pd

LONGEST_REPR = 60  # letters of one field


class Result:
    """A base of frozen dataclasses. Each says what its rows are; by default it is one itself."""

    def to_dict(self) -> dict[str, Any]:
        """The fields by name, as plain data: days and times are ISO text, JSON is JSONText."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    def to_rows(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows: what `.df` and tables on the screen show."""
        own = self.to_dict()
        return list(own), [tuple(own.values())]

    @cached_property
    def df(self) -> pd.DataFrame:
        """The rows as a DataFrame, made once."""
        return frame(*self.to_rows())

    def __repr__(self) -> str:
        shown = ", ".join(f"{f.name}={_short(getattr(self, f.name))}" for f in fields(self))  # type: ignore[arg-type]
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        return str(self.df.to_html(max_rows=20, notebook=True))


def plain(value: Any) -> Any:
    """The value without records, tuples, days and times."""
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def records(kind: type[Any], items: Sequence[Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Records of one kind as column names and rows."""
    names = [field.name for field in fields(kind)]
    return names, [tuple(getattr(item, name) for name in names) for item in items]


def _short(value: Any) -> str:
    if isinstance(value, list | tuple | dict) and len(value) > 3:
        return f"<{len(value)}>"
    text = repr(value)
    return text if len(text) <= LONGEST_REPR else f"{text[: LONGEST_REPR - 3]}..."
