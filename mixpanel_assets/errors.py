"""Every failure, grouped by what to do about it.

MixpanelDataError
├── RunFailedError                  whatever made the run fail
├── OutputError                     exit 1
├── set something, then ask again (nothing was attempted)
│   ├── ConfigError                 exit 2
│   ├── UsageError                  exit 2
│   ├── AccountNotFoundError        exit 4
│   ├── AccountExistsError          exit 2
│   ├── DateRangeError              exit 2
│   └── TableExistsError            exit 2
├── same request, same answer
│   ├── APIError                    exit 1
│   │   ├── AuthenticationError     exit 3
│   │   ├── PlanRequiredError       exit 3
│   │   ├── QueryError              exit 6
│   │   └── AnswerTooLargeError     exit 1
│   ├── SQLError                    exit 6
│   ├── FilterError                 exit 6
│   ├── TableNotFoundError          exit 4
│   ├── EventNotFoundError          exit 4
│   ├── PropertyNotFoundError       exit 4
│   ├── DatabaseNotFoundError       exit 4
│   └── LoadError                   exit 1
│       └── EventsOutsideSpanError  exit 1
└── may pass later
    ├── ExportIncompleteError       exit 1
    ├── ServerError                 exit 1
    ├── RateLimitError              exit 5
    ├── BudgetExhaustedError        exit 5
    ├── DatabaseLockedError         exit 5
    └── UnavailableError            exit 5
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

# What comes before the last @ of an address, and what a parameter of that name says.
USER_INFO = re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]+:/+)\S*@")
SECRET_PARAMETER = re.compile(
    r"([?&;][\w.-]*(?:passw|pwd|secret|token|key|signature|credential)[\w.-]*=)[^\s&;'\"]*", re.I
)


def without_secrets(text: str) -> str:
    """The text without what may be a secret in its addresses: user, password, token."""
    return SECRET_PARAMETER.sub(r"\1***", USER_INFO.sub(r"\1***@", text))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


class MixpanelDataError(Exception):
    """The base of every failure: a stable `code`, a `message`, a `hint` and `details`."""

    code = "INTERNAL"
    exit_code = 1
    may_pass_later = False

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        self.message = without_secrets(message)
        super().__init__(self.message)
        self.hint = None if hint is None else without_secrets(hint)
        self.details = {name: _without_secrets(value) for name, value in details.items()}

    def to_dict(self) -> dict[str, Any]:
        """The failure as plain data: code, message, hint, details."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "details": self.details,
        }


class RunFailedError(MixpanelDataError):
    """A Dagster run failed; it carries the code and exit code of what made it fail."""

    code = "RUN_FAILED"

    def __init__(self, cause: dict[str, Any], exit_code: int) -> None:
        super().__init__(cause["message"], hint=cause.get("hint"), **cause.get("details", {}))
        self.code = cause["code"]
        self.exit_code = exit_code


class OutputError(MixpanelDataError):
    """An answer is there, and can't be written to where it was to go."""

    code = "OUTPUT_FAILED"


class ConfigError(MixpanelDataError):
    """A setting or credential is missing or makes no sense."""

    code = "CONFIG_ERROR"
    exit_code = 2


class UsageError(MixpanelDataError):
    """What was asked for contradicts itself."""

    code = "USAGE"
    exit_code = 2


class AccountNotFoundError(MixpanelDataError):
    """The configuration file has no account of that name."""

    code = "ACCOUNT_NOT_FOUND"
    exit_code = 4


class AccountExistsError(MixpanelDataError):
    """The configuration file has an account of that name already."""

    code = "ACCOUNT_EXISTS"
    exit_code = 2


class DateRangeError(MixpanelDataError):
    """A day can't be read as a date, or a range ends before it starts."""

    code = "INVALID_DATE"
    exit_code = 2


class TableExistsError(MixpanelDataError):
    """A named table is there already, and nothing said what to do with it."""

    code = "TABLE_EXISTS"
    exit_code = 2


class APIError(MixpanelDataError):
    """Mixpanel answered, and the answer is no use."""

    code = "API_ERROR"


class AuthenticationError(APIError):
    """Mixpanel refused these credentials."""

    code = "AUTH_FAILED"
    exit_code = 3


class PlanRequiredError(APIError):
    """The project's plan does not include this endpoint."""

    code = "PLAN_REQUIRED"
    exit_code = 3


class QueryError(APIError):
    """Mixpanel did not accept the question."""

    code = "QUERY_FAILED"
    exit_code = 6


class AnswerTooLargeError(APIError):
    """An answer is larger, or takes longer, than is allowed; the rest of it was not read."""

    code = "ANSWER_TOO_LARGE"


class ServerError(APIError):
    """Mixpanel failed, and kept failing."""

    code = "SERVER_ERROR"
    may_pass_later = True


class RateLimitError(APIError):
    """Mixpanel asked to be asked less often."""

    code = "RATE_LIMITED"
    exit_code = 5
    may_pass_later = True


class UnavailableError(MixpanelDataError):
    """Mixpanel could not be reached."""

    code = "UNAVAILABLE"
    exit_code = 5
    may_pass_later = True


class BudgetExhaustedError(MixpanelDataError):
    """This machine has used the project's requests of the hour."""

    code = "BUDGET_EXHAUSTED"
    exit_code = 5
    may_pass_later = True


class ExportIncompleteError(MixpanelDataError):
    """Mixpanel ended an export before its end, as often as it was asked."""

    code = "EXPORT_INCOMPLETE"
    may_pass_later = True


class LoadError(MixpanelDataError):
    """A whole file could not be put into the warehouse."""

    code = "LOAD_FAILED"


class EventsOutsideSpanError(LoadError):
    """A file of several days has events of none of them: a file of one day tells whose they are."""


class SQLError(MixpanelDataError):
    """DuckDB did not accept the statement."""

    code = "SQL_ERROR"
    exit_code = 6


class TableNotFoundError(MixpanelDataError):
    """The warehouse has no table of that name."""

    code = "TABLE_NOT_FOUND"
    exit_code = 4


class EventNotFoundError(MixpanelDataError):
    """No event of that name is known."""

    code = "EVENT_NOT_FOUND"
    exit_code = 4


class PropertyNotFoundError(MixpanelDataError):
    """No event carries a property of that name."""

    code = "PROPERTY_NOT_FOUND"
    exit_code = 4


class FilterError(MixpanelDataError):
    """The filter of --jq does not fit the answer."""

    code = "FILTER_FAILED"
    exit_code = 6


class DatabaseNotFoundError(MixpanelDataError):
    """There is no warehouse at that path yet."""

    code = "DATABASE_NOT_FOUND"
    exit_code = 4


def no_warehouse(
    path: Path, hint: str = "land some days first: mp materialize events --from 7d"
) -> DatabaseNotFoundError:
    """The error for a warehouse that is not there."""
    return DatabaseNotFoundError(
        f"there is no warehouse at {path} yet", hint=hint, db_path=str(path)
    )


class DatabaseLockedError(MixpanelDataError):
    """Another process holds the warehouse, and did not let go in time."""

    code = "DATABASE_LOCKED"
    exit_code = 5
    may_pass_later = True


def did_you_mean(near: Sequence[str]) -> str | None:
    """The question, if there are such names; blanks around one and commas in it can be told."""
    if not near:
        return None
    told = (repr(name) if name != name.strip() or "," in name else name for name in near)
    return f"did you mean {', '.join(told)}?"


def near_names(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """The known names that may have been meant, the nearest first."""
    wanted = name.casefold()
    by_fold: dict[str, list[str]] = {}
    for candidate in known:
        by_fold.setdefault(candidate.casefold(), []).append(candidate)
    inside = [folded for folded in by_fold if min(len(wanted), len(folded)) > 2]
    inside = [folded for folded in inside if wanted in folded or folded in wanted]
    alike = get_close_matches(wanted, by_fold, n=most, cutoff=0.5)
    folds = dict.fromkeys([*alike[:2], *sorted(inside, key=len), *alike])
    return [candidate for folded in folds for candidate in by_fold[folded]][:most]
