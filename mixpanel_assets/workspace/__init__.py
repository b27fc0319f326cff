"""The Python API: one Mixpanel project and its warehouse."""

from mixpanel_assets.workspace.asking import Asking
from mixpanel_assets.workspace.local import Local
from mixpanel_assets.workspace.materialize import Landings
from mixpanel_assets.workspace.notebook import Shown

__all__ = ["Workspace"]


class Workspace(Landings, Local, Asking, Shown):
    """A Mixpanel project and its warehouse.

    >>> ws = Workspace()                                   # the account that `mp` would use
    >>> ws.materialize_events("2026-01-01", "2026-01-31")
    >>> ws.sql("select event_name, count(*) from events group by all")

    Use it in a `with`, or close it. Threads may share it.
    """
