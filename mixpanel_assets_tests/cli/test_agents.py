"""What agents read is small, true and whole: the skill, its recipes, `mp spec COMMAND`, help."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mixpanel_assets import Workspace
from mixpanel_assets.skill import FILES, NAME, recipes, text_of
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.cli.test_help import COMMANDS
from mixpanel_assets_tests.conftest import Answer
from mixpanel_assets_tests.tokens import tokens

Mp = Callable[..., Answer]
ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MOST_OF_SKILL, MOST_OF_SPEC, MOST_OF_HELP = 800, 500, 250
# These have more options than fit; their `mp spec` does.
LONG_HELP = 0.3  # of all commands


def sections() -> dict[str, dict[str, str]]:
    """The recipes by their headings: the shell and the SQL of each."""
    parts = re.split(r"^## (.+)$", recipes(), flags=re.MULTILINE)[1:]
    return {
        name: dict(BLOCK.findall(text)) for name, text in zip(parts[::2], parts[1::2], strict=True)
    }


RECIPES = sections()


def test_there_is_a_recipe_for_each_usual_question() -> None:
    assert [*RECIPES] == [
        *("Funnel", "Retention", "Sessions", "Attribution", "Cohort", "Anomaly", "Identity"),
        "Lists of objects",
    ]
    assert all({*one} == {"sh", "sql"} for one in RECIPES.values())


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_answers_as_sql(landed: Home, name: str) -> None:
    with Workspace() as workspace:
        assert len(workspace.sql(RECIPES[name]["sql"])) > (0 if name not in EMPTY else -1)


EMPTY = ("Anomaly", "Identity")  # this week has no odd day and no merged ids


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_answers_as_a_command(
    landed: Home, here: Mp, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    line, _, rest = RECIPES[name]["sh"].partition("\n")
    words = [
        re.sub(r"^\d+d$", "2024-01-01", word) if before == "--from" else word
        for before, word in _pairs(shlex.split(line.partition("<<")[0]))
    ]
    answer = here(*words[1:], stdin=rest.partition("SQL\n")[0])
    assert answer.code == 0, answer.err
    assert answer.out.strip()


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(zip(["", *words], words, strict=False))


def test_the_skill_is_small_and_names_what_there_is(here: Mp) -> None:
    text = text_of("SKILL.md")
    assert tokens(text) < MOST_OF_SKILL
    assert re.match(r"---\nname: mixpanel-assets\ndescription: .{50,1024}\n---\n", text)
    known = {" ".join(path) for path in COMMANDS}
    for line in re.findall(r"(?:`|^)mp ([a-z-]+(?: [a-z-]+)?)", text, re.MULTILINE):
        assert any(name == line or name.startswith(line) or line.startswith(name) for name in known)


def test_the_skill_is_written_whole_and_never_over_another(
    here: Mp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = [one["path"] for one in here("skill", "-o", "skills").json]
    assert written == [f"skills/{NAME}/{file}" for file in FILES]
    assert [Path(one).read_text() for one in written] == [text_of(file) for file in FILES]
    assert "exists already" in here("skill", "-o", "skills").error["message"]
    assert here("skill", "-o", "skills", "--replace").code == 0
    assert here("skill").out == text_of("SKILL.md")


def test_the_plugin_has_the_skill_and_the_server() -> None:
    plugin = ROOT / "plugins" / NAME
    about = json.loads((plugin / ".claude-plugin" / "plugin.json").read_text())
    assert about["name"] == NAME
    servers = json.loads((plugin / ".mcp.json").read_text())["mcpServers"]
    assert servers == {"mixpanel": {"command": "mp", "args": ["mcp"]}}
    for file in FILES:
        assert (plugin / "skills" / NAME / file).read_text() == text_of(file)


@pytest.mark.parametrize("name", [" ".join(path) for path in COMMANDS])
def test_the_spec_of_one_command_is_short(name: str, here: Mp) -> None:
    answer = here("spec", *name.split())
    assert answer.json["command"] == f"mp {name}"
    assert tokens(answer.out) < MOST_OF_SPEC


def test_the_spec_of_a_group_lists_its_commands(here: Mp) -> None:
    assert "mp ask funnel" in here("spec", "ask").json
    assert "did you mean: mp ask funnel" in here("spec", "ask", "funel").error["hint"]


def test_most_help_is_short(here: Mp) -> None:
    long = [n for n in COMMANDS if tokens(here(*n, "--help").out) > MOST_OF_HELP]
    assert len(long) < LONG_HELP * len(COMMANDS)


def test_options_of_the_output_are_in_the_help_of_mp_alone(here: Mp) -> None:
    whole: Any = here("--help").out
    help_of_sql = here("sql", "--help").out
    for option in ("--format", "--jq", "--max-bytes", "--save", "--chart"):
        assert option in whole
    assert "--jq EXPR" in help_of_sql
    assert "jq expression" not in help_of_sql
