"""A question is a frozen dataclass that declares its parameters, their help and their checks once.

The Workspace method, the `mp` command, the Dagster config and the JSON schema are derived from it.
Annotations are read at run time, so this package does not use `from __future__ import annotations`.
"""

import types
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, MISSING, dataclass, fields
from datetime import date
from functools import cache, cached_property
from inspect import cleandoc
from typing import (
    Annotated,
    Any,
    ClassVar,
    Generic,
    Literal,
    Self,
    TypeVar,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
)

from mixpanel_assets.errors import DateRangeError, UsageError
from mixpanel_assets.notes import note
from mixpanel_assets.settings import parse_day

R = TypeVar("R", covariant=True)
Day = date | str  # 2024-01-31, today, yesterday or 7d, in the project's time zone
Check = Callable[[Any, str], Any]  # (value, name) -> the value to use; may raise UsageError


class Param:
    """A parameter's help, command-line options, bounds and check, in a field's annotation."""

    def __init__(
        self,
        help: str,  # noqa: A002  as Typer and argparse call it
        *flags: str,
        argument: bool = False,
        least: float | None = None,
        most: float | None = None,
        zero_is_all: bool = False,
        whole: bool = False,
        check: Check | None = None,
    ) -> None:
        self.help = help
        self.flags = flags
        self.argument = argument  # a positional argument of the command
        self.least = least
        self.most = most
        self.zero_is_all = zero_is_all
        self.whole = whole  # each text of a list is one item, whatever commas it has
        self.check = check


@dataclass(frozen=True)
class Field:
    """One parameter of a question."""

    name: str
    annotation: Any
    default: Any
    param: Param

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is MISSING

    @cached_property
    def optional(self) -> bool:
        """Whether it may be None."""
        return type(None) in get_args(self.annotation)

    @cached_property
    def kind(self) -> Any:
        """The type, without None."""
        if get_origin(self.annotation) not in (types.UnionType, Union):
            return self.annotation
        kinds = [one for one in get_args(self.annotation) if one is not type(None)]
        return kinds[0] if len(kinds) == 1 else Union[tuple(kinds)]  # noqa: UP007

    @cached_property
    def item(self) -> Any:
        """The type of a list's items; None if it is not a list."""
        return get_args(self.kind)[0] if get_origin(self.kind) is Sequence else None

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The allowed values of a Literal; otherwise empty."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()

    @property
    def flags(self) -> tuple[str, ...]:
        """The command-line options, a long one first."""
        flags = self.param.flags
        if flags and flags[0].startswith("--"):
            return flags
        return (f"--{self.name.replace('_', '-')}", *flags)

    @property
    def is_day(self) -> bool:
        """Whether it is a day."""
        return bool(self.kind == Day)

    def checked(self, value: Any) -> Any:
        """The value to use; UsageError for a wrong one, DateRangeError for a wrong day."""
        if value is None:
            if self.optional:
                return None
            raise UsageError(f"{self.name} is missing")
        if self.choices and value not in self.choices:
            message = f"{self.name} {value!r} is not one of {', '.join(self.choices)}"
            raise UsageError(message, allowed=list(self.choices))
        if self.is_day:
            return _as_day(value)
        if self.item is not None:
            value = [value] if isinstance(value, str) else list(value)
        if self.param.check:
            value = self.param.check(value, self.name)
        for number in value if self.item is not None else [value]:
            self._check_bounds(number)
        return value

    def _check_bounds(self, number: Any) -> None:
        least, most = self.param.least, self.param.most
        if (least is not None and number < least) or (most is not None and number > most):
            bound = f"{least:,} or more" if most is None else f"from {least or 0:,} to {most:,}"
            raise UsageError(f"{self.name} is {number:,}, but must be {bound}")


def _as_day(given: Any) -> Day:
    """A date; words relative to the project's today are kept."""
    # DateRangeError if it is not a day; words give another one on another today.
    day, other = (parse_day(given, date(2000, 1, today)) for today in (1, 2))
    return day if day == other else given


def fields_of(kind: "type[Question[Any]]") -> tuple[Field, ...]:
    """The parameters of a question: required ones first, then its own, then inherited ones."""
    of: Any = kind  # to mypy, a class of generic dataclasses has no hash
    return _fields_of(of)


@cache
def _fields_of(kind: Any) -> tuple[Field, ...]:
    order = [name for base in kind.__mro__ for name in vars(base).get("__annotations__", ())]
    found = []
    for one in sorted(fields(kind), key=lambda field: order.index(field.name)):
        annotation, param = get_args(one.type)
        found.append(Field(one.name, annotation, one.default, param))
    return tuple(sorted(found, key=lambda field: not field.required))


@dataclass_transform(frozen_default=True)
class Question(Generic[R]):
    """A question whose answer is an `R`.

    Raises UsageError for invalid or contradictory values, and DateRangeError.
    """

    example: ClassVar[str] = ""  # arguments of an example command line
    command: ClassVar[str] = ""  # the command's name; default: from the class name
    heading: ClassVar[str | None] = None  # column name of an answer that is a list of names
    as_text: ClassVar[bool] = False  # unless a format is given, `mp` prints the answer's `text`

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # Without the methods that Question defines for all, this takes half the time.
        dataclass(frozen=True, eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        for field in fields_of(type(self)):
            object.__setattr__(self, field.name, field.checked(getattr(self, field.name)))
        self.check()

    def check(self) -> None:
        """Raise UsageError for contradictory values."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({given})"

    def dated(self, today: date) -> Self:
        """The question with `today`, `7d` and the like as dates."""
        given = {one.name: getattr(self, one.name) for one in fields_of(type(self)) if one.is_day}
        days = {name: parse_day(day, today) for name, day in given.items() if isinstance(day, str)}
        return type(self)(**{**vars(self), **days}) if days else self

    def check_dated(self) -> None:
        """Raise DateRangeError for a day that `dated` has not yet resolved."""
        for field in fields_of(type(self)):
            if field.is_day and isinstance(day := getattr(self, field.name), str):
                raise DateRangeError(f"{day!r} is not a date", hint="write YYYY-MM-DD", value=day)

    @classmethod
    def method_name(cls) -> str:
        """The name of the Workspace method, and of the function that answers it."""
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__).lstrip("_")

    @classmethod
    def command_name(cls) -> str:
        """The name of the command."""
        return cls.command or cls.method_name().replace("_", "-")

    @classmethod
    def answer_type(cls) -> Any:
        """The type of the answer."""
        bases = (one for kind in cls.__mro__ for one in getattr(kind, "__orig_bases__", ()))
        found = (given for base in bases for given in get_args(base))
        return next(one for one in found if not isinstance(one, TypeVar))

    @classmethod
    def summary(cls) -> str:
        """The first paragraph of the docstring, on one line."""
        return " ".join(cleandoc(cls.__doc__ or "").partition("\n\n")[0].split())

    def to_dict(self) -> dict[str, Any]:
        """The fields that are not None, by name; days as ISO text."""
        given = {one.name: getattr(self, one.name) for one in fields_of(type(self))}
        return {
            name: str(value) if isinstance(value, date) else value
            for name, value in given.items()
            if value is not None
        }


def questions_in(module: Any) -> "dict[str, type[Question[Any]]]":
    """The questions of a module by method name, in the module's order."""
    own = [
        one for one in vars(module).values() if getattr(one, "__module__", "") == module.__name__
    ]
    kinds = [one for one in own if isinstance(one, type) and issubclass(one, Question)]
    # A base class of several questions still has a type parameter.
    return {one.method_name(): one for one in kinds if not getattr(one, "__parameters__", ())}


From = Param("First day: YYYY-MM-DD, today, yesterday or 7d (days ago).", "--from")
To = Param("Last day (inclusive).", "--to")


class Between(Question[R]):
    """A question about the days of a range, both ends included."""

    def check(self) -> None:
        self._check_order(*self.days)

    def _check_order(self, first: date | None, last: date | None) -> None:
        if first and last and first > last:
            raise DateRangeError(
                f"{first} to {last} is not a range of days",
                hint="the first day must not be after the last, nor after today",
            )

    @property
    def days(self) -> tuple[date | None, date | None]:
        """The days that are dates already; None for words and missing days."""
        first, last = getattr(self, "from_date", None), getattr(self, "to_date", None)
        return first if isinstance(first, date) else None, last if isinstance(last, date) else None

    def dated(self, today: date) -> Self:
        """The question with dates; a last day after today becomes today, with a note."""
        asked = super().dated(today)
        first, last = asked.days
        self._check_order(first, today)
        if last is None or last <= today:
            return asked
        note(f"{last} is after the project's today: asking up to {today}")
        return type(self)(**{**vars(asked), "to_date": today})


class OverDays(Between[R]):
    """A question about a range of days that has a first day."""

    _: KW_ONLY
    from_date: Annotated[Day, From]
    to_date: Annotated[Day, To] = "today"

    @property
    def span(self) -> tuple[date, date]:
        """The first and last day, after `dated`."""
        first, last = self.days
        assert first
        assert last
        return first, last
