"""What is installed with this package.

python -m mixpanel_assets_tests.supply check     compare it to constraints.txt
python -m mixpanel_assets_tests.supply lowest    print the oldest allowed versions, as constraints
python -m mixpanel_assets_tests.supply page      write the table of docs/reference/licenses.md
"""

import re
import sys
import tomllib
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "licenses.md"
HEAD = "| Package | License |\n| --- | --- |\n"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
RUNTIME: list[str] = PYPROJECT["project"]["dependencies"]
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]  # dev: all others
DEVELOPMENT = [text for name, extra in EXTRAS.items() if name != "dev" for text in extra]


def normal(name: str) -> str:
    """The name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    """The version of each package of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    named = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {normal(name): version for name, _, version in named}


def installed(wanted: list[str]) -> dict[str, Distribution]:
    """The installed packages of these requirements, and of all that they require."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in wanted]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        package = distribution(requirement.name)
        found[normal(requirement.name)] = package
        for option in ("", *requirement.extras):
            if (normal(requirement.name), option) not in seen:
                seen.add((normal(requirement.name), option))
                waiting += [(Requirement(text), option) for text in package.requires or []]
    return found


def license_of(package: Distribution) -> str:
    """The license that the package's own metadata names, as short as possible."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classes = [
        text.rpartition(" :: ")[2]
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License :: OSI Approved :: ")
    ]
    name = str(metadata.get("License") or "").strip()
    return " OR ".join(classes) or (name if "\n" not in name and len(name) < 40 else "unknown")


def table() -> str:
    """A line for each package that is installed with the product."""
    packages = sorted(installed(RUNTIME).items())
    return HEAD + "".join(f"| {name} | {license_of(one)} |\n" for name, one in packages)


def differences() -> list[str]:
    """Packages that are not pinned, or installed in another version."""
    pinned = pins()
    return [
        f"{name} {package.version}, pinned: {pinned.get(name)}"
        for name, package in sorted(installed(RUNTIME + DEVELOPMENT).items())
        if pinned.get(name) != package.version
    ]


def lowest() -> list[str]:
    """The oldest allowed version of each package that the product names, as constraints."""
    return [
        f"{requirement.name}=={bound.version}"
        for requirement in map(Requirement, RUNTIME)
        for bound in requirement.specifier
        if bound.operator == ">="
    ]


def main(what: str) -> None:
    """Check, print or write."""
    if what == "check":
        sys.exit("\n".join(differences()) or None)
    if what == "lowest":
        sys.stdout.writelines(f"{line}\n" for line in lowest())
        return
    before, _, _ = PAGE.read_text("utf-8").partition(HEAD)
    PAGE.write_text(before + table(), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
