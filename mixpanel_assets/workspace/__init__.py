"""The Python API: one Mixpanel project and its warehouse."""

from mixpanel_assets.workspace.materialize import Landings
from mixpanel_assets.workspace.notebook import Shown
from mixpanel_assets.workspace.report import Reports

__all__ = ["Workspace"]


class Workspace(Landings, Reports, Shown):
    """A Mixpanel project and its warehouse.

    >>> ws = Workspace()                                   # the account that `mp` would use
    >>> ws.materialize_events("2026-01-01", "2026-01-31")
    >>> ws.sql("select event_name, count(*) from events group by all")

    Use it in a `with`, or close it. Threads may share it.
    """
