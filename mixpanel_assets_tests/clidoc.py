"""docs/cli.md, made from the program: python -m mixpanel_assets_tests.clidoc"""

from pathlib import Path
from typing import Any

import typer

from mixpanel_assets.cli.app import app
from mixpanel_assets.cli.output import Format
from mixpanel_assets.cli.spec import describe

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
SHARED = {"--format", "--jq", "--max-bytes"}
HEAD = """# Every command of `mp`

This page is made from the program: `python -m mixpanel_assets_tests.clidoc` writes it, and
`mp spec` gives the same as JSON.

Data goes to stdout, everything else to stderr. Every command that answers with data takes
`--format` (`-f`: {formats}), `--jq EXPR` and `--max-bytes N`: see
[How large an answer is](inspect.md#how-large-an-answer-is).
`mp --install-completion` completes commands in your shell. These go before a command's name:
"""


def page() -> str:
    """The whole page."""
    spec = describe(typer.main.get_command(app))
    exits = "\n".join(
        f"| {one['code']} | {one['meaning']} | {', '.join(one['errors'])} |"
        for one in spec["exit_codes"]
    )
    return (
        "\n\n".join(
            [
                HEAD.format(formats=", ".join(Format)) + "\n" + _table(spec["options"]),
                "## Exit codes\n\n| exit | meaning | codes |\n| --- | --- | --- |\n" + exits,
                *(_section(command) for command in spec["commands"]),
            ]
        )
        + "\n"
    )


def _section(command: dict[str, Any]) -> str:
    parts = [f"## `{command['command']}`", command["help"], f"```sh\n{command['example']}\n```"]
    own = [one for one in command["options"] if one["name"] not in SHARED]
    if command["arguments"] or own:
        parts.append(_table([*command["arguments"], *own]))
    return "\n\n".join(part for part in parts if part)


def _table(options: list[dict[str, Any]]) -> str:
    rows = [f"| {_name(one)} | {_meaning(one)} |" for one in options]
    return "\n".join(["| option | meaning |", "| --- | --- |", *rows])


def _name(one: dict[str, Any]) -> str:
    names = [name for name in (one["name"], one.get("short")) if name]
    return ", ".join(f"`{name}`" for name in names)


def _meaning(one: dict[str, Any]) -> str:
    words = [(one.get("help") or "").replace("|", "\\|")]
    if one.get("required"):
        words.append("Required.")
    if one.get("repeatable"):
        words.append("May be given more than once.")
    default = one.get("default")
    if default not in (None, False, "", []):
        words.append(f"Default: `{default}`.")
    if one.get("choices"):
        words.append(f"One of {', '.join(one['choices'])}.")
    return " ".join(word for word in words if word)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
