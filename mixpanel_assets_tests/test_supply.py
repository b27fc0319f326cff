"""The dependencies are needed, pinned, and free to use."""

import re

import pytest
import yaml
from packaging.requirements import Requirement

from mixpanel_assets_tests.supply import (
    DEVELOPMENT,
    EXTRAS,
    PAGE,
    PYPROJECT,
    ROOT,
    RUNTIME,
    installed,
    license_of,
    lowest,
    normal,
    pins,
)

FREE = re.compile(
    r"MIT|BSD|0BSD|[23]-Clause BSD|Apache|PSF|Python Software Foundation|ISC|MPL-2|Mozilla|Zlib|CC0"
)
NOT_IMPORTED = {
    "dagster-webserver": "mp dev runs it",
    "pytz": "DuckDB imports it to return a TIMESTAMPTZ",
    "tzdata": "Python's zoneinfo reads it where the system has no zones",
}


def names(wanted: list[str]) -> list[str]:
    return [normal(Requirement(text).name) for text in wanted]


def test_every_installed_package_is_pinned() -> None:
    assert set(installed(RUNTIME + DEVELOPMENT)) <= set(pins())


def test_every_dependency_is_bounded_below() -> None:
    assert [text for text in RUNTIME + DEVELOPMENT if not Requirement(text).specifier] == []


def test_exact_versions_are_in_the_constraints_alone() -> None:
    wanted = [bound for text in RUNTIME + DEVELOPMENT for bound in Requirement(text).specifier]
    assert [str(bound) for bound in wanted if bound.operator not in (">=", "<")] == []


def test_the_lowest_versions_are_those_of_every_dependency() -> None:
    assert [Requirement(text).name for text in lowest()] == [Requirement(t).name for t in RUNTIME]


def test_the_groups_are_the_extras_and_dev_is_all_of_them() -> None:
    groups = PYPROJECT["dependency-groups"]
    assert groups == {name: [f"mixpanel-assets[{name}]"] for name in EXTRAS}
    (everything,) = EXTRAS["dev"]
    assert Requirement(everything).extras == EXTRAS.keys() - {"dev"}


def test_ci_runs_on_every_version_of_python_that_the_package_names() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    versions = workflow["jobs"]["gate"]["strategy"]["matrix"]["python"]
    named = PYPROJECT["project"]["classifiers"]
    assert [f"Programming Language :: Python :: {one}" for one in versions] == [
        one for one in named if re.search(r":: 3\.\d+$", one)
    ]


@pytest.mark.parametrize("name", names(RUNTIME))
def test_every_dependency_is_used(name: str) -> None:
    found = re.compile(rf"^\s*(import|from) {name.replace('-', '_')}\b", re.MULTILINE)
    sources = (ROOT / "mixpanel_assets").rglob("*.py")
    used = any(found.search(source.read_text("utf-8")) for source in sources)
    assert used != (name in NOT_IMPORTED)


def test_every_license_is_free_and_listed() -> None:
    packages = installed(RUNTIME)
    licenses = {name: re.split(" (?:OR|AND) ", license_of(one)) for name, one in packages.items()}
    assert {name: one for name, one in licenses.items() if not all(map(FREE.match, one))} == {}
    listed = set(re.findall(r"^\| (\S+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert set(packages) <= listed, "run: python -m mixpanel_assets_tests.supply page"
    assert listed - {"Package", "---"} <= set(pins())
