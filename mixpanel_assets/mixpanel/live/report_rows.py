"""Saved reports as plain rows, one for each number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mixpanel_assets.errors import PlanRequiredError, QueryError
from mixpanel_assets.mixpanel.client import Client
from mixpanel_assets.mixpanel.live import answer
from mixpanel_assets.questions.live import SavedReport
from mixpanel_assets.results import SavedReportResult
from mixpanel_assets.results.catalog import Skipped

Row = dict[str, Any]

_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d.*)?")
_MOMENT = len("2024-01-31T00:00:00")


def export_saved_reports(
    client: Client, bookmark_ids: Iterable[int]
) -> dict[int, list[Row] | Skipped]:
    """The rows of each report: see `report_rows`. Each is one query.

    A report that the plan refuses is Skipped, in Mixpanel's words; any other failure is raised, and
    QueryError names the report.
    """
    reports: dict[int, list[Row] | Skipped] = {}
    for bookmark_id in bookmark_ids:
        try:
            reports[bookmark_id] = report_rows(answer(client, SavedReport(bookmark_id)))
        except PlanRequiredError as error:
            reports[bookmark_id] = Skipped(str(error.details.get("body") or error.message))
        except QueryError as error:
            error.details["bookmark_id"] = bookmark_id
            error.hint = f"this is about saved report {bookmark_id}; see: mp inspect bookmarks"
            raise
    return reports


def report_rows(report: SavedReportResult) -> list[Row]:
    """computed_at, report_type, path, date, moment and value of each number.

    Times are the project's, without their offset; a value without a time has None. What is no
    number is left out.
    """
    rows = []
    for path, value in _numbers(report.series):
        names, time = _timed(path, last=report.report_type == "insights")
        row = {
            "computed_at": report.computed_at,
            "report_type": report.report_type,
            "path": names,
            "date": time and time[:10],
            "moment": time and time[:_MOMENT],
            "value": value,
        }
        rows.append(row)
    return rows


def _timed(path: tuple[str, ...], *, last: bool) -> tuple[list[str], str | None]:
    """The path without its time, and the time.

    Insights have it at the end, or `all` in place of one; before it there may be a segment that
    looks like a time. In other reports it is the first that looks so.
    """
    at = len(path) - 1 if last else next((n for n, x in enumerate(path) if _TIME.fullmatch(x)), -1)
    if at < 0:
        return list(path), None
    time = path[at] if _TIME.fullmatch(path[at]) else None
    return [*path[:at], *path[at + 1 :]], time


def _numbers(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number with the names that lead to it; in a list these are 0, 1, 2..."""
    if isinstance(found, Mapping | list):
        inner = found.items() if isinstance(found, Mapping) else enumerate(found)
        for name, value in inner:
            yield from _numbers(value, (*path, str(name)))
    elif isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
        yield path, found
