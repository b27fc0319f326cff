"""Saved reports as rows, one for each number."""

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
    """The `report_rows` of each report, with one query for each.

    A report that the plan does not include is Skipped, with Mixpanel's message. Other errors are
    raised; a QueryError names the report.
    """
    reports: dict[int, list[Row] | Skipped] = {}
    for bookmark_id in bookmark_ids:
        try:
            reports[bookmark_id] = report_rows(answer(client, SavedReport(bookmark_id)))
        except PlanRequiredError as error:
            reports[bookmark_id] = Skipped(str(error.details.get("body") or error.message))
        except QueryError as error:
            error.details["bookmark_id"] = bookmark_id
            error.hint = f"check saved report {bookmark_id}; list them with: mp inspect bookmarks"
            raise
    return reports


def report_rows(report: SavedReportResult) -> list[Row]:
    """Rows with computed_at, report_type, path, date, moment and value, one for each number.

    Times are in the project's time zone, without offset; None for values without a time. Values
    that are not numbers are left out.
    """
    rows: list[Row] = []
    of_report = {"computed_at": report.computed_at, "report_type": report.report_type}
    for path, value in _numbers(report.series):
        names, time = _timed(path, last=report.report_type == "insights")
        when = {"date": time and time[:10], "moment": time and time[:_MOMENT]}
        rows.append({**of_report, "path": names, **when, "value": value})
    return rows


def _timed(path: tuple[str, ...], *, last: bool) -> tuple[list[str], str | None]:
    """The path without its time, and the time.

    In insights the last element is the time, or `all`; a segment before it may look like a time.
    In other reports the first element that looks like a time is it.
    """
    at = len(path) - 1 if last else next((n for n, x in enumerate(path) if _TIME.fullmatch(x)), -1)
    if at < 0:
        return list(path), None
    time = path[at] if _TIME.fullmatch(path[at]) else None
    return [*path[:at], *path[at + 1 :]], time


def _numbers(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number with the path of names to it; list elements are named 0, 1, 2 ..."""
    if isinstance(found, Mapping | list):
        inner = found.items() if isinstance(found, Mapping) else enumerate(found)
        for name, value in inner:
            yield from _numbers(value, (*path, str(name)))
    elif isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found):
        yield path, found
