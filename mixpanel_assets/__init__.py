"""Mixpanel's data as daily Dagster assets in one DuckDB file.

>>> import mixpanel_assets as mp
>>> ws = mp.Workspace()

Every error and every type of result is importable from here. Nothing heavy is imported before it
is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors: the names that `__getattr__` finds
    from mixpanel_assets import errors as errors
    from mixpanel_assets import results as results
    from mixpanel_assets.accounts import Account as Account
    from mixpanel_assets.accounts import Credentials as Credentials
    from mixpanel_assets.dagster import MixpanelComponent as MixpanelComponent
    from mixpanel_assets.dagster import mixpanel_definitions as mixpanel_definitions
    from mixpanel_assets.errors import *  # noqa: F403
    from mixpanel_assets.notes import AnswerWarning as AnswerWarning
    from mixpanel_assets.results import *  # noqa: F403
    from mixpanel_assets.workspace import Workspace as Workspace

    __version__: str

_MODULES = ("errors", "results")
_HOMES = {
    "Account": "accounts",
    "AnswerWarning": "notes",
    "Credentials": "accounts",
    "MixpanelComponent": "dagster",
    "Workspace": "workspace",
    "mixpanel_definitions": "dagster",
}

if not TYPE_CHECKING:  # for type checkers a `__getattr__` makes every name valid

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            return import_module("importlib.metadata").version("mixpanel-assets")
        if name == "__all__":
            return _names()
        if name in _MODULES:
            return _module(name)
        home = None if name.startswith("_") else _HOMES.get(name) or _homes().get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(_module(home), name)


def __dir__() -> list[str]:
    return _names()


def _module(name: str) -> Any:
    return import_module(f"{__name__}.{name}")


def _names() -> list[str]:
    return sorted({"__version__", *_MODULES, *_HOMES, *_homes()})


def _homes() -> dict[str, str]:
    """The module of each error and type of result."""
    return {
        name: home
        for home in _MODULES
        for name, one in vars(_module(home)).items()
        if isinstance(one, type) and one.__module__.startswith(f"{__name__}.{home}")
    }
