"""Mixpanel's data as daily Dagster assets in one DuckDB file.

>>> import mixpanel_assets as mp
>>> ws = mp.Workspace()

Nothing heavy is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixpanel_assets.accounts import Credentials
    from mixpanel_assets.notes import AnswerWarning
    from mixpanel_assets.workspace import Workspace

_HOMES = {
    "AnswerWarning": "notes",
    "Credentials": "accounts",
    "Workspace": "workspace",
    "errors": None,
    "results": None,
}

__all__ = ["AnswerWarning", "Credentials", "Workspace", "errors", "results"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOMES[name]
    if home is None:
        return import_module(f"{__name__}.{name}")
    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
