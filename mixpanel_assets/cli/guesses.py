"""What a command line that `mp` does not understand may mean: the message, and a hint to paste."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any

from mixpanel_assets.cli import spec
from mixpanel_assets.cli.slips import DEFAULTS, Typed, is_day, is_known
from mixpanel_assets.errors import MixpanelDataError, UsageError, near_names

LONGEST = 200  # characters of a command in a hint

# Names that other tools have for commands.
COMMANDS = {
    "land": "materialize",
    "load": "materialize",
    "sync": "materialize",
    "pull": "materialize",
    "import": "materialize",
    "refresh": "materialize",
    "download": "fetch",
    "export": "fetch",
    "login": "auth add",
    "init": "auth add",
    "configure": "auth add",
    "config": "auth list",
    "accounts": "auth list",
    "whoami": "auth show",
    "check": "doctor",
    "ls": "inspect tables",
    "list": "inspect tables",
    "show": "inspect tables",
    "tables": "inspect tables",
    "describe": "inspect schema",
    "desc": "inspect schema",
    "columns": "inspect schema",
    "fields": "inspect schema",
    "head": "inspect sample",
    "preview": "inspect sample",
    "rows": "inspect sample",
    "count": "inspect breakdown",
    "counts": "inspect breakdown",
    "props": "inspect keys",
    "search": "inspect find",
    "look": "inspect overview",
    "overview": "inspect overview",
    "summary": "inspect overview",
    "sql-query": "sql",
    "query-sql": "sql",
    "run": "sql",
    "exec": "sql",
    "execute": "sql",
    "queries": "sql",
    "reports": "inspect bookmarks",
    "view": "define",
    "ui": "dev",
    "serve": "dev",
    "dagster": "dev",
    "server": "simulate",
    "mock": "simulate",
    "delete": "drop",
    "dau": "ask active-users",
    "wau": "ask active-users",
    "mau": "ask active-users",
    "version": "--version",
}
IN_GROUPS = {
    "auth": {
        "use": "auth switch",
        "select": "auth switch",
        "logout": "auth remove",
        "delete": "auth remove",
        "rm": "auth remove",
    },
    "materialize": {"users": "materialize profiles", "people": "materialize profiles"},
    "fetch": {"users": "fetch profiles", "people": "fetch profiles"},
}
# Of commands of one name, those of the first group that has it are meant.
GROUPS = ("", "inspect", "query", "ask", "auth", "materialize", "fetch", "rebuild")
SECRET = re.compile(r"--?(?:[\w-]+-)?(?:secret|passw\w*|pwd|token|key)", re.I)
STATEMENT = re.compile(r"(select|with|from|describe|summarize|show|explain|pivot)\b", re.I)

SAVED = "mp sql has --save FILE.csv (or .parquet, .jsonl); any answer goes into a file with: {line}"
UNLISTED = ("--verbose", "--version", "--quiet", "--install-completion", "--show-completion")
# Options that no command has: what to do instead.
OPTIONS = {
    "save output out output-file outfile o": SAVED,
    "dry-run plan": "nothing is tried out: see what is landed and what is missing with mp status",
    "db database path warehouse": "name the file in the environment: export MP_WAREHOUSE=FILE",
    "project project-id": "set MP_PROJECT_ID, or name an account: mp --account NAME ...",
    "username user secret password token api-secret": (
        "no credential is an argument: set MP_USERNAME, MP_SECRET, MP_PROJECT_ID, or: mp auth add"
    ),
    "pretty": "for a table: --format table",
    "no-limit all": "all rows: --limit 0",
    "filter search grep name contains": "search names with: mp inspect find WORD",
    "raw r": "a single value is printed by --scalar, and rows as text by --format plain",
    "offset": "write OFFSET in the statement",
    "days last period": "the last seven days are --from 7d",
    "date day on-day": "a single day is --from 2024-01-31 --to 2024-01-31",
    "event events event-name": (
        "{command} is about all events; some alone are landed with: "
        "mp fetch events --events NAME --from 7d"
    ),
    "limit rows max-rows max head top n l": "the first ten of a list: --jq '.[:10]'",
    "timezone tz": "set MP_PROJECT_TIMEZONE, or in SQL: event_time at time zone 'Europe/Paris'",
    "force yes y": "{command} asks nothing, and needs no such option",
}
_OPTIONS = {name: hint for names, hint in OPTIONS.items() for name in names.split()}

FORMATS = {
    "parquet": SAVED,
    "arrow": SAVED,
    "feather": SAVED,
    "xlsx": "use --format csv",
    "excel": "use --format csv",
    "tsv": "use --format csv",
    "yaml": "use --format json",
    "html": "use --format md",
}


def explained(error: Exception, program: Any, typed: Typed, words: Sequence[str]) -> UsageError:
    """The error of the command line, with a hint; `words` is the line as it was typed."""
    message = str(getattr(error, "format_message", lambda: str(error))())
    hint: str | None
    message = " ".join(message.replace("Value error, ", "").split())
    guess = _Guess(program, typed, words)
    if message.startswith("No such command"):
        message = message.partition(" Did you mean")[0]
        hint = guess.command()
    elif name := getattr(error, "option_name", None):
        message = message.partition(" (Possible")[0]
        hint = guess.option(str(name), message)
    else:
        hint = guess.value(error, message)
    return UsageError(message, hint=hint or f"see: {guess.name} --help")


class _Guess:
    """Hints about one command line."""

    def __init__(self, program: Any, typed: Typed, words: Sequence[str]) -> None:
        self._program, self._typed, self._words = program, typed, words
        self.name = " ".join(["mp", *typed.path])

    def command(self) -> str:
        """For a name that the group does not have."""
        word, *rest = next(
            (
                self._typed.given[n:]
                for n, one in enumerate(self._typed.given)
                if not one.startswith("-")
            ),
            ["", ""],
        )
        if word == "help":
            return f"did you mean: {_line(['mp', *rest, '--help'])}"
        if STATEMENT.match(word):
            whole = " ".join([word, *rest])
            if " " in whole:
                return f"did you mean: {_line(['mp', 'sql', whole])}"
        paths = list(self._paths(word))[:2]
        lines = [self._whole(path, rest) for path in paths]
        if not lines:
            names = ", ".join(self._typed.command.commands)
            return f"commands: {names}; see: {self.name} --help"
        return f"did you mean: {', or: '.join(lines)}"

    def _paths(self, word: str) -> Iterator[str]:
        """The commands that the word may mean, best first."""
        here = " ".join(self._typed.path)
        leaves: dict[str, list[str]] = {}
        for path in (paths := list(_paths(self._program))):
            leaves.setdefault(path.split()[-1], []).append(path)
        folded, own = word.lower().replace("_", "-"), list(self._typed.command.commands)
        other = IN_GROUPS.get(here, {}).get(folded) or COMMANDS.get(folded, "")
        found = [other] if other and (not here or " " in other) else []
        if not found:
            near = get_close_matches(folded, own, 1, 0.75)
            near = near or [one for one in own if len(folded) > 3 and folded in one][:1]
            found = [f"{here} {one}".strip() for one in near]
        if not found:
            near = get_close_matches(folded, leaves, 1, 0.75)
            found = [path for leaf in near for path in leaves[leaf]]
        order = {
            path: GROUPS.index(path.rpartition(" ")[0])
            for path in found
            if path in paths and path.rpartition(" ")[0] in GROUPS
        }
        best = sorted(found, key=lambda path: order.get(path, len(GROUPS)))
        keep = [path for path in best if path.split()[0] not in ("materialize", "fetch", "rebuild")]
        yield from keep or best[:1]

    def _whole(self, path: str, rest: Sequence[str]) -> str:
        """The command with what it was given, or as in its help if it needs more."""
        command = self._program
        for name in path.split():
            command = getattr(command, "commands", {}).get(name, command)
        if default := not rest and DEFAULTS.get(path):
            path, command = f"{path} {default}", command.commands[default]
        if hasattr(command, "commands") and not rest:
            return f"mp {path}" if path.startswith("-") else f"mp {path} --help"
        if not rest and any(one.required for one in command.params):
            return spec.example(command.help) or f"mp {path} --help"
        return _line(["mp", *path.split(), *rest])

    def option(self, name: str, message: str) -> str | None:
        """For an option that the command does not have, or that lacks its value."""
        if "requires an argument" in message:
            return None
        bare = name.lstrip("-").lower()
        own = [
            one
            for option in (*self._typed.command.params, *self._program.params)
            for one in option.opts
            if one.startswith("--")
        ]
        near = [] if bare in _OPTIONS else get_close_matches(name, own, 2, 0.75)
        needed = {one.opts[0] for one in self._typed.command.params if one.required and one.opts}
        near.sort(key=lambda one: one not in needed or one in self._words)
        if near and (at := self._at(name)) is not None:
            fixed = [
                *self._words[:at],
                self._words[at].replace(name, near[0], 1),
                *self._words[at + 1 :],
            ]
            other = f"; or {near[1]}" if near[1:] else ""
            return f"did you mean {near[0]}? {_line(['mp', *fixed])}{other}"
        if bare in _OPTIONS:
            return _OPTIONS[bare].format(command=self.name, line=self._into_a_file(name))
        near = near or get_close_matches(name, own, 2, 0.7)
        if near:
            return f"did you mean {' or '.join(near)}? see: {self.name} --help"
        listed = ", ".join(dict.fromkeys(one for one in own if one not in UNLISTED))
        return f"options: {listed}; see: {self.name} --help"

    def _into_a_file(self, name: str, kind: str = "csv") -> str:
        """The command without the option and its value, into the file that it names."""
        at = self._at(name) or 0
        joined = "=" in self._words[at]
        value = self._words[at].partition("=")[2]
        value = value if joined else "".join(self._words[at + 1 : at + 2])
        suffix = value.rpartition(".")[2].lower()
        kind = suffix if suffix in ("json", "jsonl", "md") else kind
        file = value if suffix == kind else f"FILE.{kind}"
        return f"{_line(['mp', *self._without(name), '--format', kind])} > {shlex.quote(file)}"

    def _without(self, name: str) -> list[str]:
        """The line without the option and its value."""
        at = self._at(name) or 0
        return [*self._words[:at], *self._words[at + (1 if "=" in self._words[at] else 2) :]]

    def _at(self, name: str) -> int | None:
        return next((n for n, one in enumerate(self._words) if one.startswith(name)), None)

    def value(self, error: Exception, message: str) -> str | None:
        """For a value that is missing, wrong or too many."""
        if "unexpected extra argument" in message:
            return self._extra()
        param = getattr(error, "param", None)
        name = param.opts[0] if param is not None and param.opts else ""
        if getattr(param, "name", "") == "funnel_id":
            return self._funnels()
        if getattr(param, "name", "") == "bookmark_id":
            return "list the saved reports and their ids: mp inspect bookmarks"
        if message.startswith("Missing") and param is not None:
            return self._missing(name)
        if name == "--limit":
            return "a number of rows; all of them: --limit 0"
        given = re.search(r"'([^']*)' is not one of", message)
        if name == "--format" and given and given[1].lower() in FORMATS:
            typed = "-f" if self._at("-f") is not None else "--format"
            if given[1].lower() == "parquet" and is_known(self._typed.command, "--save"):
                return (
                    f"write a file: {_line(['mp', *self._without(typed), '--save'])} FILE.parquet"
                )
            return FORMATS[given[1].lower()].format(line=self._into_a_file(typed))
        if name == "--format" and given and given[1].endswith(".sql"):
            return f"a file of SQL is read with: mp sql --file {shlex.quote(given[1])}"
        choices = spec.choices(self._typed.command, param) if given else []
        if given and (near := get_close_matches(given[1], choices)):
            return f"did you mean {near[0]}?"
        return self._example()

    def _funnels(self) -> str:
        """For a saved funnel that is not named by its id: those there are."""
        from mixpanel_assets.workspace import Workspace

        at = [n for n, one in enumerate(self._typed.globals) if one in ("--account", "-a")]
        account = self._typed.globals[at[0] + 1] if at else None
        saved, steps = "list the saved funnels: mp inspect funnels", self._typed.arguments
        with suppress(MixpanelDataError), Workspace(account, wait=False) as workspace:
            funnels = {f"{one.name} {one.funnel_id}": one for one in workspace.funnels()}
            near = near_names(" ".join(steps), funnels) if steps else []
            found = [
                f"{funnels[one].funnel_id} ({funnels[one].name})"
                for one in dict.fromkeys([*near, *funnels])
            ]
            saved = f"saved funnels: {', '.join(found[:6])}" if found else "no funnel is saved"
        options = self._typed.given[: len(self._typed.given) - len(steps)]
        line = ["mp", "ask", "funnel", *steps, *(options or ["--from", "7d"])]
        if len(steps) < 2:
            line = ["mp", "ask", "funnel", "STEP", "STEP", "--from", "7d"]
        return f"{saved}; one by its steps, from landed events: {_line(line)}"

    def _extra(self) -> str | None:
        if days := [one for one in self._typed.given if is_day(one)]:
            kept = ["mp", *(one for one in self._typed.words if one not in days), "--from", days[0]]
            return f"since that day: {_line(kept)}; that day alone: add --to {days[0]}"
        if self._typed.path[-1:] == ["sql"]:
            words = self._typed.arguments
            if any(" " in one for one in words[1:]):
                return "one statement at a time: send them one by one, or join them with WITH"
            return f"put the statement in quotes: {_line(['mp', 'sql', ' '.join(words)])}"
        return self._example()

    def _missing(self, name: str) -> str | None:
        if name == "--from" and any(map(is_day, self._typed.given)):
            return self._extra()
        if name == "--from":
            return f"name the first day: {_line(['mp', *self._words, '--from', '7d'])}"
        if name in ("--event", "--events"):
            return f"name an event, such as: {self._line_of_help()}; list them: mp inspect events"
        return self._example()

    def _example(self) -> str | None:
        line = self._line_of_help()
        return f"such as: {line}; see: {self.name} --help" if line else None

    def _line_of_help(self) -> str | None:
        return spec.example(self._typed.command.help)


def _paths(group: Any, path: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        whole = f"{path} {name}".strip()
        yield whole
        if hasattr(command, "commands"):
            yield from _paths(command, whole)


def _line(words: Sequence[str]) -> str:
    """The words as a line for the shell, cut if it is long, without secrets."""
    shown = list(words)
    for n, word in enumerate(words):
        name, equals, _ = word.partition("=")
        if SECRET.fullmatch(name) and equals:
            shown[n] = f"{name}=***"
        elif SECRET.fullmatch(name) and n + 1 < len(words):
            shown[n + 1] = "***"
    line = shlex.join(shown)
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."
