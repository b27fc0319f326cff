"""A skill for coding agents: how to work with `mp`, and recipes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from mixpanel_assets.errors import OutputError, UsageError

NAME = "mixpanel-assets"
FILES = ("SKILL.md", "references/recipes.md", "references/tables.md")


def text_of(name: str) -> str:
    """The text of one of its files."""
    return files(__name__).joinpath(NAME, name).read_text("utf-8")


def recipes() -> str:
    """Recipes as Markdown: each as a question and as SQL."""
    return text_of("references/recipes.md")


def write(folder: Path, *, replace: bool = False) -> list[Path]:
    """Write the skill's folder into another; return its files.

    Raises UsageError if it is there already, unless it may be replaced, and OutputError.
    """
    place = folder / NAME
    if place.exists() and not replace:
        raise UsageError(f"{place} exists already", hint="use --replace, or another folder with -o")
    try:
        return [*_written(place)]
    except OSError as error:
        raise OutputError(f"{place} can't be written: {error.strerror}") from error


def _written(place: Path) -> Iterator[Path]:
    for name in FILES:
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text_of(name), "utf-8")
        yield file
