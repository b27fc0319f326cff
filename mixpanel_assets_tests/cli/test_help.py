"""Help is plain, complete, and its examples can be pasted."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mixpanel_assets.cli.app import app
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield path, command
    for name, child in children.items():
        yield from _commands(child, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(app)))
WRITTEN = {" ".join(path): command for path, command in COMMANDS.items()}


def _example(help_text: str) -> str:
    return next(line.strip() for line in help_text.splitlines() if line.startswith("  mp "))


@pytest.mark.parametrize("name", WRITTEN)
def test_every_command_has_an_example_that_can_be_pasted(name: str, here: Mp) -> None:
    answer = here(*name.split(), "--help")
    assert (answer.code, answer.err) == (0, "")
    words = shlex.split(_example(answer.out))
    assert words[: len(name.split()) + 1] == ["mp", *name.split()]
    WRITTEN[name].make_context(name, words[len(name.split()) + 1 :])


@pytest.mark.parametrize("name", WRITTEN)
def test_every_option_says_what_it_does(name: str) -> None:
    silent = [p.name for p in WRITTEN[name].params if not getattr(p, "help", "")]
    assert silent == []


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_mp_alone_is_help_and_no_failure(arguments: tuple[str, ...], here: Mp) -> None:
    answer = here(*arguments)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("Usage: mp [OPTIONS] COMMAND")
    assert "Exit codes: 0 done; 1 failed; 2 usage" in answer.out


@pytest.mark.parametrize("group", sorted({path[0] for path in COMMANDS if len(path) > 1}))
def test_a_group_alone_is_help_too(group: str, here: Mp) -> None:
    answer = here(group)
    assert (answer.code, answer.err) == (0, "")
    assert f"Usage: mp {group}" in answer.out


def test_help_is_plain_text(here: Mp) -> None:
    printed = "".join(here(*name.split(), "--help").out for name in WRITTEN)
    assert [sign for sign in "╭│╰\x1b" if sign in printed] == []


def test_the_version_is_the_package_s(here: Mp) -> None:
    assert here("--version").out == "mixpanel-assets 0.1.0\n"


def test_a_shell_completes_commands() -> None:
    asked = {"_MP_COMPLETE": "complete_bash", "COMP_WORDS": "mp materialize ev", "COMP_CWORD": "2"}
    program = Path(sys.executable).with_name("mp")
    done = subprocess.run(
        [program], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["events"]
