"""Questions that are kept as tables, day by day: those that `mixpanel.toml` declares."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mixpanel_assets.errors import ConfigError, MixpanelDataError, did_you_mean, near_names
from mixpanel_assets.questions import analytics
from mixpanel_assets.questions.analytics import DAY_MS, Analysis
from mixpanel_assets.questions.base import questions_in
from mixpanel_assets.questions.schema import model_of

FILE = "mixpanel.toml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
QUESTIONS = questions_in(analytics)
# The sections of the file: the names of the questions, and in the plural what has one.
SECTIONS = {("funnels" if name == "funnel" else name): name for name in QUESTIONS}
# Each landed day is asked about.
DAYS = ("from_date", "to_date", "table")
EXAMPLE = f"see docs/guides/marts.md, such as [funnels.checkout] in {FILE}"
NO_DAY = date(2000, 1, 1)
VERSION = 1  # change it when the same declaration makes other rows


@dataclass(frozen=True)
class Mart:
    """A question that is asked for every landed day, the table of its rows, and what it is for."""

    table: str
    asked: Analysis[Any]  # about days that do not count
    description: str

    def over(self, first: date, last: date) -> Analysis[Any]:
        """The question about these days."""
        return replace(self.asked, from_date=first, to_date=last)

    @property
    def is_daily(self) -> bool:
        """Whether a day's rows are the same, whatever other days are asked about with it.

        Where they are not, such as for people who are born only once, all days are asked about.
        """
        asked = self.asked
        if isinstance(asked, analytics.Funnel):
            return asked.unit == "day" and asked.per_unit
        if isinstance(asked, analytics.Retention):
            rolling = asked.retention_type == "compounded" and not asked.on_or_after
            return rolling and asked.unit == "day"
        if isinstance(asked, analytics.Lifecycle):
            return False
        return self.unit in ("minute", "hour", "day")

    @property
    def is_dated(self) -> bool:
        """Whether the answer about several days has rows for each of them."""
        return not isinstance(self.asked, analytics.Flows | analytics.Attribution)

    @property
    def unit(self) -> str:
        """What a row's date is the start of."""
        return str(getattr(self.asked, "unit", None) or "day")

    @property
    def days_before(self) -> int:
        """How many days before a day count for its rows."""
        return -(-self.asked.looks_back_ms // DAY_MS)

    @property
    def days_after(self) -> int:
        """How many days after a day count for its rows."""
        return -(-self.asked.reads_ms // DAY_MS)

    @property
    def definition(self) -> dict[str, Any]:
        """What its rows follow from, besides the events."""
        options = {name: one for name, one in self.asked.to_dict().items() if name not in DAYS}
        return {"question": self.asked.method_name(), **options, "version": VERSION}

    @property
    def fingerprint(self) -> str:
        """Another one for another definition."""
        text = json.dumps(self.definition, sort_keys=True, default=list)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


ACTIVE_USERS = Mart(
    "active_users",
    analytics.ActiveUsers(from_date=NO_DAY),
    "People active on a day, and in the 7 and the 30 days up to it.",
)


def read_marts(path: Path) -> tuple[Mart, ...]:
    """What the file declares. ConfigError names the file and the key at fault."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing", hint=EXAMPLE) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read: {error}", hint=EXAMPLE) from error
    return tuple(_declared(path, found))


def _declared(path: Path, found: Mapping[str, Any]) -> Iterator[Mart]:
    for section, named in found.items():
        if section not in SECTIONS:
            hint = did_you_mean(near_names(section, [*SECTIONS]))
            every = f"sections: {', '.join(SECTIONS)}"
            raise ConfigError(f"{path}: {section} is not a question", hint=hint or every)
        if not isinstance(named, dict):
            raise ConfigError(f"{path}: {section} is not a section", hint=EXAMPLE)
        for name, options in named.items():
            key = f"{path}: {section}.{name}"
            if not isinstance(options, dict):
                raise ConfigError(
                    f"{key} is not a section", hint=f"begin with a name: [{section}.NAME]"
                )
            if not NAME.fullmatch(name):
                hint = "use a small letter, then small letters, digits and _; 40 at most"
                raise ConfigError(f"{key}: {name!r} is not a name for a table", hint=hint)
            yield _mart(key, SECTIONS[section], name, options)


class _Options(BaseModel):
    """What each declaration may have, besides the options of its question."""

    model_config = ConfigDict(extra="forbid")

    description: str | None = None


def _mart(key: str, question: str, name: str, options: Mapping[str, Any]) -> Mart:
    kind = QUESTIONS[question]
    if named := [one for one in DAYS if one in options]:
        raise ConfigError(f"{key}.{named[0]}: every landed day of events is asked about")
    model = model_of(kind, _Options, defaults={"from_date": str(NO_DAY)})
    try:
        given = model.model_validate(dict(options)).model_dump(mode="json")
    except ValidationError as error:
        raise _refused(key, error, [*model.model_fields]) from None
    description = given.pop("description") or f"{kind.summary()} Declared in {FILE}."
    if kind is analytics.Funnel and "unit" not in options:
        # A line chart: each day is a funnel of its own, in which people enter again.
        given |= {"unit": "day", "per_unit": options.get("per_unit", True)}
    try:
        asked: Any = kind(**given)
    except MixpanelDataError as error:
        raise ConfigError(f"{key}: {error.message}", hint=error.hint) from error
    return Mart(f"{question}_{name}", asked, description)


def _refused(key: str, error: ValidationError, known: list[str]) -> ConfigError:
    first = error.errors()[0]
    option = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        options = [one for one in known if one not in DAYS]
        hint = did_you_mean(near_names(option, options)) or f"options: {', '.join(options)}"
        return ConfigError(f"{key}.{option} is not an option", hint=hint)
    return ConfigError(f"{key}.{option}: {first['msg']}")
