"""What comes with this package is needed, pinned, and free to use."""

import re

import pytest
from packaging.requirements import Requirement

from mixpanel_assets_tests.supply import (
    DEVELOPMENT,
    PAGE,
    ROOT,
    RUNTIME,
    installed,
    license_of,
    normal,
    pins,
)

FREE = re.compile(
    r"MIT|BSD|0BSD|[23]-Clause BSD|Apache|PSF|Python Software Foundation|ISC|MPL-2|Mozilla|Zlib|CC0"
)
NOT_IMPORTED = {
    "dagster-webserver": "mp dev runs it",
    "pytz": "DuckDB imports it when it hands out a TIMESTAMPTZ",
    "tzdata": "Python's zoneinfo reads it where the system has no zones",
}


def names(wanted: list[str]) -> list[str]:
    return [normal(Requirement(text).name) for text in wanted]


def test_every_package_that_comes_along_is_pinned() -> None:
    assert set(installed(RUNTIME + DEVELOPMENT)) <= set(pins())


def test_every_dependency_is_bounded_below() -> None:
    assert [text for text in RUNTIME + DEVELOPMENT if not Requirement(text).specifier] == []


@pytest.mark.parametrize("name", names(RUNTIME))
def test_every_dependency_is_used(name: str) -> None:
    found = re.compile(rf"^\s*(import|from) {name.replace('-', '_')}\b", re.MULTILINE)
    sources = (ROOT / "mixpanel_assets").rglob("*.py")
    used = any(found.search(source.read_text("utf-8")) for source in sources)
    assert used != (name in NOT_IMPORTED)


def test_every_licence_is_free_and_listed() -> None:
    packages = installed(RUNTIME)
    told = {name: re.split(" (?:OR|AND) ", license_of(one)) for name, one in packages.items()}
    assert {name: one for name, one in told.items() if not all(map(FREE.match, one))} == {}
    listed = set(re.findall(r"^\| (\S+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert set(packages) <= listed, "run: python -m mixpanel_assets_tests.supply page"
    assert listed - {"Package", "---"} <= set(pins())
