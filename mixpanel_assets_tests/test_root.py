"""What `import mixpanel_assets` offers; mypy reads this file too, and so checks its types."""

from importlib.metadata import version
from typing import assert_type

import pytest

import mixpanel_assets as mp
from mixpanel_assets import (
    Account,
    Credentials,
    RateLimitError,
    SegmentationResult,
    Workspace,
    __version__,
    accounts,
    errors,
    results,
)


def test_every_error_and_result_is_importable_from_the_root() -> None:
    failures = [one for one in vars(errors).values() if isinstance(one, type)]
    names = {one.__name__ for one in failures if issubclass(one, errors.MixpanelDataError)}
    starred: dict[str, object] = {}
    exec("from mixpanel_assets import *", starred)
    assert (
        names | {"SQLResult", "Records", "Landing"}
        < set(dir(mp))
        == starred.keys() - {"__builtins__"}
    )
    assert all(getattr(mp, name) for name in dir(mp))
    assert (mp.RateLimitError, mp.SQLResult) == (errors.RateLimitError, results.SQLResult)
    assert (Account, Credentials) == (accounts.Account, accounts.Credentials)


def test_the_version_is_that_of_the_package() -> None:
    assert __version__ == version("mixpanel-assets")


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Segmentation'"):
        mp.Segmentation  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError):
        from mixpanel_assets import RateLimitedError  # type: ignore[attr-defined]  # noqa: F401


def _purchases(ws: Workspace) -> SegmentationResult | None:
    """Never called: what an editor knows of each name."""
    assert_type(mp.__version__, str)
    try:
        report = ws.segmentation("Purchase", from_date="7d", to_date="1d")
        return assert_type(report, SegmentationResult)
    except RateLimitError as error:
        assert_type(error.hint, str | None)
    except mp.MixpanelDataError as error:
        assert_type(error.code, str)
    return None
