"""`mp spec`: the command line as data, derived from the program."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from enum import EnumType
from importlib.metadata import version
from inspect import cleandoc
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer

from mixpanel_assets import errors
from mixpanel_assets.cli import output
from mixpanel_assets.cli.options import answering
from mixpanel_assets.errors import UsageError

TYPES = {str: "text", int: "integer", float: "number", bool: "flag", Path: "path"}


OUTPUT = ("--format", "--jq", "--max-bytes", "--save", "--chart", "--replace")


@answering
def spec(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(help="Only this command, in short: ask funnel.")
    ] = None,
    *,
    form: output.Form,
) -> None:
    """Print every command, option, argument and exit code as JSON.

    mp spec ask funnel
    """
    program = describe(context.find_root().command)
    if command:
        output.answer(_in_short(program["commands"], " ".join(command)), form)
    elif form.structured:
        output.answer(program, form)
    else:
        rows = [(command["command"], command["help"]) for command in program["commands"]]
        output.answer_rows(["command", "help"], rows, form)


def _in_short(commands: list[dict[str, Any]], name: str) -> Any:
    """One command with a line for each parameter; the commands of a group with their help."""
    path = f"mp {name.removeprefix('mp ')}"
    of_group = {one["command"]: one["help"] for one in commands}
    if path not in of_group:
        found = {one: text for one, text in of_group.items() if one.startswith(f"{path} ")}
        if found:
            return found
        near = get_close_matches(path, of_group, 3, 0.5)
        hint = f"did you mean: {', '.join(near)}?" if near else "see: mp spec -f plain"
        raise UsageError(f"there is no command {path}", hint=hint)
    one = next(one for one in commands if one["command"] == path)
    options = [option for option in one["options"] if option["name"] not in OUTPUT]
    shared = [option["name"] for option in one["options"] if option["name"] in OUTPUT]
    return {
        "command": path,
        "help": one["help"],
        "example": one["example"],
        "arguments": {it["name"]: _line(it) for it in one["arguments"]},
        "options": {it["name"]: _line(it) for it in options},
        "output": " ".join(shared),
    }


def _line(one: dict[str, Any]) -> str:
    kind = "|".join(one["choices"]) if "choices" in one else one["type"].replace("text", "")
    default = "" if one["default"] in (None, False) else f" = {one['default']}"
    needed = " required" if one["required"] else " ..." if one["repeatable"] else ""
    return f"{kind}{needed}{default}: {one['help']}".strip(": ")


def describe(program: Any) -> dict[str, Any]:
    """The command line of the program (a Click command) as plain data."""
    return {
        "program": "mp",
        "version": version("mixpanel-assets"),
        "help": _paragraph(program.help),
        "options": _parameters(program, "option"),
        "commands": list(_commands(program)),
        "exit_codes": _exit_codes(),
    }


def _commands(group: Any, path: str = "mp") -> Iterator[dict[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
            continue
        yield {
            "command": f"{path} {name}",
            "help": _paragraph(command.help),
            "example": example(command.help),
            "arguments": _parameters(command, "argument"),
            "options": _parameters(command, "option"),
        }


def _parameters(command: Any, kind: str) -> list[dict[str, Any]]:
    # From the functions' annotations: how typer stores a type depends on its version.
    hints = get_type_hints(command.callback)
    return [
        _parameter(one, hints[one.name])
        for one in command.params
        if one.param_type_name == kind and one.name in hints
    ]


def choices(command: Any, option: Any) -> list[str]:
    """The values that an option of the command takes, if it takes only some."""
    return _choices(_without_none(get_type_hints(command.callback).get(option.name)))


def _parameter(one: Any, hint: Any) -> dict[str, Any]:
    """Name, type, default, required, repeatable and help; the values of a choice."""
    kind = _without_none(hint)
    repeatable = get_origin(kind) is list
    if repeatable:
        (kind,) = get_args(kind)
    described = {
        "name": one.opts[0] if one.param_type_name == "option" else one.name,
        "short": next((name for name in one.opts[1:] if not name.startswith("--")), None),
        "type": "choice" if (choices := _choices(kind)) else TYPES.get(kind, "text"),
        "default": None if one.required else _plain(one.default),
        "required": one.required,
        "repeatable": repeatable,
        "help": one.help,
    }
    if one.param_type_name == "argument":
        del described["short"]
    if choices:
        described["choices"] = choices
    return described


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (UnionType, Union):
        return next(one for one in get_args(hint) if one is not NoneType)
    return hint


def _choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(one) for one in get_args(kind)]
    members: list[Any] = list(kind) if isinstance(kind, EnumType) else []
    return [str(member.value) for member in members]


def _plain(default: Any) -> Any:
    return default if isinstance(default, str | int | float | None) else str(default)


def _paragraph(text: str | None) -> str:
    return " ".join(cleandoc(text or "").partition("\n\n")[0].split())


def example(text: str | None) -> str | None:
    lines = (line.strip() for line in (text or "").splitlines())
    return next((line for line in lines if line.startswith("mp ")), None)


def _exit_codes() -> list[dict[str, Any]]:
    found: dict[int, set[str]] = {code: set() for code in output.EXIT_CODES}
    found[2].add("USAGE")
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.MixpanelDataError):
            found[kind.exit_code].add(kind.code)
    return [
        {"code": code, "meaning": meaning, "errors": sorted(found[code])}
        for code, meaning in output.EXIT_CODES.items()
    ]
