"""The Python API: one Mixpanel project and its warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from mixpanel_assets.workspace.asking import Asking
from mixpanel_assets.workspace.local import Local
from mixpanel_assets.workspace.materialize import Landings
from mixpanel_assets.workspace.notebook import Shown

if TYPE_CHECKING:
    from mixpanel_assets.workspace.report import Report

__all__ = ["Workspace"]


class Workspace(Landings, Local, Asking, Shown):
    """A Mixpanel project and its warehouse.

    >>> ws = Workspace()                                   # the account that `mp` would use
    >>> ws.materialize_events("2026-01-01", "2026-01-31")
    >>> ws.sql("select event_name, count(*) from events group by all")

    Use it in a `with`, or close it. Threads may share it.
    """

    def report(
        self,
        path: str | Path,
        from_date: date | str,
        to_date: date | str | None = None,
        *,
        steps: Sequence[str] = (),
        replace: bool = False,
    ) -> Report:
        """Write one HTML page on the days: active users, events, a funnel, retention and more.

        `steps` are those of the funnel; by default, the commonest way of people. No request. Raises
        UsageError for a file that can't be written, and OutputError.
        """
        from mixpanel_assets.workspace.report import write_report

        return write_report(self, path, from_date, to_date, steps=steps, replace=replace)
