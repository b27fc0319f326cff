"""What a notebook shows of a workspace."""

from __future__ import annotations

from datetime import UTC
from html import escape
from typing import TYPE_CHECKING, Any

from mixpanel_assets.errors import MixpanelDataError
from mixpanel_assets.workspace.opening import Opening

if TYPE_CHECKING:
    from mixpanel_assets.results import LandedDay

WAIT = 1.0  # seconds, while a load holds the warehouse
MOST_LISTED = 3  # missing days
COLUMNS = [
    "asset",
    "first day",
    "last day",
    "days",
    "missing",
    "partial",
    "rows",
    "last load (UTC)",
]


class Shown(Opening):
    """A workspace that a notebook shows as what is landed in it."""

    def _repr_html_(self) -> str:
        """The landed days as a table, and the newest as a chart; or why they are not known."""
        try:
            where = f"{self!r}: {self.db_path or 'in memory'}"
            assets, days = self._landed()
        except MixpanelDataError as error:
            hint = f" ({error.hint})" if error.hint else ""
            return f"<p>{escape(f'{self!r}: {error.message}{hint}')}</p>"
        if not assets:
            return f"<p>{escape(f'{where}, where nothing is landed yet')}</p>"
        from mixpanel_assets import charts
        from mixpanel_assets.results.base import as_html
        from mixpanel_assets.results.frames import frame

        counts, partial = {one.day: one.rows for one in days}, [d.day for d in days if d.partial]
        chart = charts.days("Events a day", counts, partial=partial) if days else None
        table = as_html(frame(COLUMNS, [_row(asset) for asset in assets]), chart)
        return f"<p>{escape(where)}</p>\n{table}"

    def _landed(self) -> tuple[list[dict[str, Any]], list[LandedDay]]:
        """What is landed of each asset, and the newest days of events."""
        with self._reading(wait=WAIT) as warehouse:
            from mixpanel_assets.warehouse.ask.coverage import coverage
            from mixpanel_assets.warehouse.ask.days import weeks_up_to

            assets = coverage(warehouse)
            newest = next((a["last_day"] for a in assets if a["asset"] == "events"), None)
            return assets, weeks_up_to(warehouse, newest) if newest else []


def _row(asset: dict[str, Any]) -> tuple[Any, ...]:
    """The cells of an asset, in the order of the columns."""
    whole = ("asset", "first_day", "last_day", "days")
    loaded = asset["last_loaded_at"].astimezone(UTC)
    gaps = (_listed(asset["missing"]), _listed(asset["partial"]))
    return *(asset[name] for name in whole), *gaps, asset["rows"], f"{loaded:%Y-%m-%d %H:%M}"


def _listed(days: list[Any]) -> str:
    more = f" and {len(days) - MOST_LISTED} more" if len(days) > MOST_LISTED else ""
    return ", ".join(map(str, days[:MOST_LISTED])) + more
