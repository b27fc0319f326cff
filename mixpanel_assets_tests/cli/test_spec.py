"""`mp spec` is the whole command line: what it tells can be typed."""

from collections.abc import Callable

import pytest

from mixpanel_assets_tests.cli.test_help import WRITTEN
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]


def test_every_command_and_parameter_is_told(here: Mp) -> None:
    told = {
        command["command"]: {one["name"] for one in command["arguments"] + command["options"]}
        for command in here("spec").json["commands"]
    }
    assert told == {
        f"mp {name}": {
            one.opts[0] if one.param_type_name == "option" else one.name for one in command.params
        }
        - {"--help"}
        for name, command in WRITTEN.items()
    }


def test_an_option_is_told_with_its_type_default_and_help(here: Mp) -> None:
    commands = {command["command"]: command for command in here("spec").json["commands"]}
    sql = commands["mp sql"]
    assert sql["example"] == 'mp sql "select event_name, count(*) from events group by all"'
    assert [argument["name"] for argument in sql["arguments"]] == ["query"]
    options = {option["name"]: option for option in sql["options"]}
    assert options["--limit"] == {
        "name": "--limit",
        "short": None,
        "type": "integer",
        "default": 1000,
        "required": False,
        "repeatable": False,
        "help": "Maximum rows (0: all); all by default into a file.",
    }
    assert options["--scalar"]["type"] == "flag"
    assert options["--format"]["choices"] == ["json", "jsonl", "csv", "md", "table", "plain"]
    daily = {option["name"]: option for option in commands["mp inspect daily"]["options"]}
    assert daily["--events"]["repeatable"]
    numeric = {option["name"]: option for option in commands["mp inspect numeric"]["options"]}
    assert (numeric["--event"]["required"], numeric["--event"]["short"]) == (True, "-e")


def test_global_options_and_exit_codes_are_told(here: Mp) -> None:
    spec = here("spec").json
    assert {option["name"] for option in spec["options"]} == {
        *("--account", "--quiet", "--verbose", "--version"),
    }
    codes = {one["code"]: one["errors"] for one in spec["exit_codes"]}
    assert list(codes) == [0, 1, 2, 3, 4, 5, 6, 130]
    assert "EVENT_NOT_FOUND" in codes[4]
    assert "USAGE" in codes[2]


@pytest.mark.parametrize("format_", ["csv", "md", "plain", "table"])
def test_in_tables_it_is_a_list_of_commands(format_: str, here: Mp) -> None:
    lines = here("spec", "-f", format_).out.splitlines()
    assert len(lines) == len(WRITTEN) + {"csv": 1, "md": 2, "plain": 0, "table": 2}[format_]
