"""Command lines as `mp` has them, from what is typed: options in their place and by their names.

Only what can mean one thing is changed: a synonym, a word where an option takes a name, an option
on the other side of the command. A typo is left, and explained by `guesses`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from mixpanel_assets.cli import spec
from mixpanel_assets.errors import DateRangeError
from mixpanel_assets.settings import parse_day

# A group that is followed by an option or a day means this command of it.
DEFAULTS = {"materialize": "events", "rebuild": "events", "fetch": "events"}

# Options, and arguments without --, of which commands have one and people type another.
FAMILIES = (
    "--from --from-date --start --start-date --since --begin",
    "--to --to-date --end --end-date --until --through",
    "--limit --rows --top --max-rows --max --count --head --num-rows --max-results --n -n -l",
    "--on --by --group-by --groupby --segment-by --split-by --breakdown --dimension",
    "event --event --events --event-name -e",
    "steps --step --steps --event --events",
    "--property --properties --prop --property-name --field",
    "--where --filter --condition",
    "--unit --granularity --bucket --interval --resolution",
    "--table --table-name --view",
    "--users --user --distinct-id --distinct-ids --user-id",
    "tables --table --tables",
    "--replace --overwrite",
    "--plan --dry-run",
    "--save --output --out --output-file --outfile -o",
    "--file --sql-file --query-file",
    "--born --born-event --first-event",
    "--return --return-event --second-event",
    "query --query --sql --execute --command -c -e",
    "name --name --table --as --into",
    "funnel_id --funnel-id --funnel --id",
    "bookmark_id --bookmark-id --report-id --bookmark --report --id",
    "--account --profile",
    "--quiet --silent",
    "--verbose --debug",
    "--version -V",
)
_FAMILIES = [frozenset(family.split()) for family in FAMILIES]

# Options that take a name, in the order in which words without an option are given to them.
NAMES = ("--table", "--event", "--events", "--property", "--properties", "--born", "--return")
TABLES = ("events", "events_wide", "profiles", "profile_history")  # rather than an event's name

WORDS = {
    "markdown": "md",
    "text": "plain",
    "txt": "plain",
    "ndjson": "jsonl",
    "jsonlines": "jsonl",
    "json-lines": "jsonl",
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "total": "general",
    "totals": "general",
}
FORMATS = {"json", "jsonl", "csv", "md", "table", "plain", *list(WORDS)[:6]}
NAMES_OF_FORMAT = ("--output-format", "--fmt", "--output", "--out", "-o")
FOR_ANSWERS = ("--format", "-f", "--jq", "--max-bytes")  # take a value


@dataclass
class Typed:
    """A command line: global options, the names up to the command, and what it is given."""

    command: Any
    globals: list[str] = field(default_factory=list)
    path: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)  # those of it that are no options

    @property
    def words(self) -> list[str]:
        return [*self.globals, *self.path, *self.given]


def understood(program: Any, words: Sequence[str]) -> Typed:
    """The command line that was typed, as the program (a Click group) takes it."""
    typed, coming = Typed(program), deque(words)
    held = _walked(program, typed, coming)
    if hasattr(typed.command, "commands"):
        typed.given = [*held, *coming]
    else:
        typed.given = _Arranged(program, typed).of(deque([*held, *coming]))
    return typed


def _walked(program: Any, typed: Typed, coming: deque[str]) -> list[str]:
    """Take the words up to the command; return the options before it that are the command's."""
    held: list[str] = []
    while coming and hasattr(typed.command, "commands"):
        name, _ = _split(coming[0])
        commands, default = typed.command.commands, DEFAULTS.get("".join(typed.path))
        if coming[0] in commands:
            typed.path.append(coming.popleft())
            typed.command = commands[typed.path[-1]]
        elif default and (is_day(coming[0]) or _option(commands[default], name)):
            typed.path.append(default)
            typed.command = commands[default]
        elif option := _option(program, name):
            typed.globals += _taken(option, coming, name if name in option.opts else option.opts[0])
        elif name in FOR_ANSWERS:
            held += _taken(None, coming)
        else:
            break
    return held


class _Arranged:
    """Sorts what a command is given into its options, its arguments and global options."""

    def __init__(self, program: Any, typed: Typed) -> None:
        self._program, self._typed, self._command = program, typed, typed.command
        self._options: list[str] = []
        self._words: list[str] = []

    def of(self, coming: deque[str]) -> list[str]:
        """The words in the order and by the names that the command has."""
        after: list[str] = []
        while coming:
            if coming[0] == "--":
                after = list(coming)
                break
            name, _ = _split(coming[0])
            if not name:
                self._words.append(coming.popleft())
            elif option := _known(self._command, name):
                self._options += self._chosen(option, _taken(option, coming))
            elif option := _known(self._program, name):
                self._typed.globals += _taken(option, coming)
            else:
                self._synonym(name, coming)
        if not after:
            self._place()
        self._typed.arguments = [*self._words, *after[1:]]
        return [*self._options, *self._words, *after]

    def _synonym(self, name: str, coming: deque[str]) -> None:
        """Take an option that the command does not have by this name."""
        meant, of_all = _meant(self._command, name), _meant(self._program, name)
        if format_ := self._format(name, coming):
            self._options += ["--format", format_]
        elif option := _known(self._command, meant):
            self._options += self._chosen(option, _taken(option, coming, meant))
        elif meant:  # an argument
            self._words += _taken(None, coming)[1:]
        elif option := _known(self._program, of_all):
            self._typed.globals += _taken(option, coming, of_all)
        else:
            self._options.append(coming.popleft())

    def _format(self, name: str, coming: deque[str]) -> str | None:
        """The format that `--csv` or `--output csv` means, which is taken."""
        if not _known(self._command, "--format"):
            return None
        if name.startswith("--") and name[2:] in FORMATS and not _meant(self._command, name):
            coming.popleft()
            return WORDS.get(name[2:], name[2:])
        value = _split(coming[0])[1] or (coming[1] if len(coming) > 1 else "")
        if name in NAMES_OF_FORMAT and (folded := value.lower()) in FORMATS:
            _taken(None, coming)
            return WORDS.get(folded, folded)
        return None

    def _chosen(self, option: Any, taken: list[str]) -> list[str]:
        """The option and its value, which may be another form of one of its choices."""
        if len(taken) < 2:
            return taken
        name, value = taken
        choices = spec.choices(self._command, option)
        return [name, value if value in choices else _choice(value, choices)]

    def _place(self) -> None:
        """Give the words that are too many for the arguments to options that take a name."""
        arguments = [one for one in self._command.params if one.param_type_name == "argument"]
        if any(one.nargs == -1 for one in arguments):
            return
        placed: list[str] = []
        extra = self._words[len(arguments) :]
        if len([word for word in extra if is_day(word)]) == 1:
            return  # that day alone, or all since
        for word in extra:
            slot = self._slot(word, {*self._options, *placed}, several=len(extra) > 1)
            if slot is None:
                return  # a word without a place: `guesses` has the whole line to explain
            placed += [slot, word]
        self._options += placed
        del self._words[len(arguments) :]

    def _slot(self, word: str, given: set[str], *, several: bool) -> str | None:
        """The option without a value yet that the word is for."""
        free = [
            one
            for one in self._command.params
            if one.param_type_name == "option" and not one.is_flag and not given & {*one.opts}
        ]
        if is_day(word):
            days = [one.opts[0] for one in free if one.opts[0] in ("--from", "--to")]
            return days[0] if days else None
        days_apart = [one for one in free if one.opts[0] not in ("--from", "--to", "--out")]
        needed = [one.opts[0] for one in days_apart if one.required]
        if needed == ["--property"] and several and _known(self._command, "--event") in free:
            return "--event"  # which comes first, as everywhere
        if needed:
            return str(needed[0])
        named = [one.opts[0] for one in free if one.opts[0] in NAMES]
        if "--table" in named:
            is_table = word in TABLES or word.startswith("by_event.") or len(named) == 1
            named = ["--table"] if is_table else [one for one in named if one != "--table"]
        return str(named[0]) if named else None


def _split(word: str) -> tuple[str, str | None]:
    """The option's name, empty if the word is none, and a value that is joined to it."""
    if not word.startswith("-") or word in ("-", "--") or _is_number(word):
        return "", None
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        return name, value if equals else None
    return word[:2], word[2:] or None


def _is_number(word: str) -> bool:
    with suppress(ValueError):
        return isinstance(float(word), float)
    return False


def is_day(word: str) -> bool:
    with suppress(DateRangeError):
        return isinstance(parse_day(word, date(2000, 1, 1)), date)
    return False


def is_known(command: Any, name: str) -> bool:
    """Whether the command has an option of that name."""
    return _known(command, name) is not None


def _known(command: Any, name: str) -> Any:
    """The option of that name, if the command has it."""
    if not name:
        return None
    has = (one for one in command.params if one.param_type_name == "option")
    return next((one for one in has if name in (*one.opts, *one.secondary_opts)), None)


def _option(command: Any, name: str) -> Any:
    """The option that the name or a synonym is of, if the command has it."""
    return _known(command, name) or _known(command, _meant(command, name))


def _meant(command: Any, name: str) -> str:
    """The one option or argument of the command that the name is a synonym of; else empty."""
    own = [one.opts[0] if one.opts else one.name for one in command.params]
    kin = [one for family in _FAMILIES if name in family for one in own if one in family]
    return str(kin[0]) if len({*kin}) == 1 else ""


def _taken(option: Any, coming: deque[str], name: str = "") -> list[str]:
    """Take an option and its value; without a declared option it has one."""
    word = coming.popleft()
    own, value = _split(word)
    if option is not None and option.is_flag:
        return [name or own, *([f"-{value}"] if value and not word.startswith("--") else [])]
    if value is not None:
        return [name or own, value]
    return [name or own, *([coming.popleft()] if coming else [])]


def _choice(value: str, choices: Sequence[str]) -> str:
    """The one of the choices that the value is another form of; else the value."""
    forms = set(_forms(value.casefold()))
    meant = [one for one in choices if forms & {*_forms(one)}]
    return meant[0] if len(meant) == 1 else value


def _forms(word: str) -> Iterator[str]:
    yield word
    yield word.removesuffix("s")
    if word in WORDS:
        yield WORDS[word]
