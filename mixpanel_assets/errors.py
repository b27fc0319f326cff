"""All errors, grouped by what to do about them.

MixpanelDataError
├── RunFailedError                  exit code of the error that failed the run
├── OutputError                     exit 1
├── change a setting or argument, then run again (nothing was attempted)
│   ├── ConfigError                 exit 2
│   ├── UsageError                  exit 2
│   ├── AccountNotFoundError        exit 4
│   ├── AccountExistsError          exit 2
│   ├── DateRangeError              exit 2
│   └── TableExistsError            exit 2
├── the same request would fail again
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
└── may succeed later
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

# User info is everything before the last @ of a URL; parameters are matched by name.
USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,30}:/+)\S*@")
SECRET_PARAMETER = re.compile(
    r"([?&;][\w.-]*(?:passw|pwd|secret|token|key|signature|credential)[\w.-]*=)[^\s&;'\"]*", re.I
)


def without_secrets(text: str) -> str:
    """The text with user info and secret parameters of its URLs replaced by `***`."""
    return SECRET_PARAMETER.sub(r"\1***", USER_INFO.sub(r"\1***@", text))


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str):
        return without_secrets(value)
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


class MixpanelDataError(Exception):
    """Base class of all errors: a stable `code`, a `message`, a `hint` and `details`."""

    code = "INTERNAL"
    exit_code = 1
    may_pass_later = False

    def __init_subclass__(
        cls, *, code: str = "", exit_code: int = 0, may_pass_later: bool = False
    ) -> None:
        super().__init_subclass__()
        if code:
            cls.code = code
        cls.exit_code = exit_code or cls.exit_code
        cls.may_pass_later = may_pass_later or cls.may_pass_later

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        self.message = without_secrets(message)
        super().__init__(self.message)
        self.hint = None if hint is None else without_secrets(hint)
        self.details = {name: _without_secrets(value) for name, value in details.items()}

    def to_dict(self) -> dict[str, Any]:
        """The error as plain data: code, message, hint, details."""
        return {name: getattr(self, name) for name in ("code", "message", "hint", "details")}


class RunFailedError(MixpanelDataError, code="RUN_FAILED"):
    """A Dagster run failed; code and exit code are those of the error that failed it."""

    def __init__(self, cause: dict[str, Any], exit_code: int) -> None:
        super().__init__(cause["message"], hint=cause.get("hint"), **cause.get("details", {}))
        self.code = cause["code"]
        self.exit_code = exit_code


class OutputError(MixpanelDataError, code="OUTPUT_FAILED"):
    """The answer can't be written to its destination."""


class ConfigError(MixpanelDataError, code="CONFIG_ERROR", exit_code=2):
    """A setting or credential is missing or invalid."""


class UsageError(MixpanelDataError, code="USAGE", exit_code=2):
    """Arguments are invalid or contradict each other."""


class AccountNotFoundError(MixpanelDataError, code="ACCOUNT_NOT_FOUND", exit_code=4):
    """The configuration file has no account of that name."""


class AccountExistsError(MixpanelDataError, code="ACCOUNT_EXISTS", exit_code=2):
    """The configuration file already has an account of that name."""


class DateRangeError(MixpanelDataError, code="INVALID_DATE", exit_code=2):
    """A day can't be read as a date, or a range ends before it starts."""


class TableExistsError(MixpanelDataError, code="TABLE_EXISTS", exit_code=2):
    """The table already exists, and neither replace nor append was given."""


class APIError(MixpanelDataError, code="API_ERROR"):
    """Mixpanel's answer can't be used."""


class AuthenticationError(APIError, code="AUTH_FAILED", exit_code=3):
    """Mixpanel refused the credentials."""


class PlanRequiredError(APIError, code="PLAN_REQUIRED", exit_code=3):
    """The project's plan does not include this endpoint."""


class QueryError(APIError, code="QUERY_FAILED", exit_code=6):
    """Mixpanel did not accept the query."""


class AnswerTooLargeError(APIError, code="ANSWER_TOO_LARGE"):
    """An answer exceeded a size or time limit and was not read to its end."""


class ServerError(APIError, code="SERVER_ERROR", may_pass_later=True):
    """Mixpanel kept answering 5xx."""


class RateLimitError(APIError, code="RATE_LIMITED", exit_code=5, may_pass_later=True):
    """Mixpanel's rate limit is reached."""


class UnavailableError(MixpanelDataError, code="UNAVAILABLE", exit_code=5, may_pass_later=True):
    """Mixpanel could not be reached."""


class BudgetExhaustedError(
    MixpanelDataError, code="BUDGET_EXHAUSTED", exit_code=5, may_pass_later=True
):
    """This machine has used up the project's hourly requests."""


class ExportIncompleteError(MixpanelDataError, code="EXPORT_INCOMPLETE", may_pass_later=True):
    """Mixpanel kept ending an export early."""


class LoadError(MixpanelDataError, code="LOAD_FAILED"):
    """A complete file could not be loaded into the warehouse."""


class EventsOutsideSpanError(LoadError):
    """A file of several days has events outside them; export the days one by one."""


class SQLError(MixpanelDataError, code="SQL_ERROR", exit_code=6):
    """DuckDB did not accept the statement."""


class TableNotFoundError(MixpanelDataError, code="TABLE_NOT_FOUND", exit_code=4):
    """The warehouse has no table of that name."""


class EventNotFoundError(MixpanelDataError, code="EVENT_NOT_FOUND", exit_code=4):
    """No event of that name is known."""


class PropertyNotFoundError(MixpanelDataError, code="PROPERTY_NOT_FOUND", exit_code=4):
    """No event has a property of that name."""


class FilterError(MixpanelDataError, code="FILTER_FAILED", exit_code=6):
    """The filter of --jq does not fit the answer."""


class DatabaseNotFoundError(MixpanelDataError, code="DATABASE_NOT_FOUND", exit_code=4):
    """The warehouse file does not exist yet."""


def no_warehouse(
    path: Path, hint: str = "land some days first: mp materialize events --from 7d"
) -> DatabaseNotFoundError:
    """The error for a warehouse file that does not exist."""
    return DatabaseNotFoundError(
        f"there is no warehouse at {path} yet", hint=hint, db_path=str(path)
    )


class DatabaseLockedError(
    MixpanelDataError, code="DATABASE_LOCKED", exit_code=5, may_pass_later=True
):
    """Another process has locked the warehouse."""


def did_you_mean(near: Sequence[str]) -> str | None:
    """A hint with these names, None without any; names with commas or outer blanks are quoted."""
    if not near:
        return None
    quoted = (repr(name) if name != name.strip() or "," in name else name for name in near)
    return f"did you mean {', '.join(quoted)}?"


def near_names(name: str, known: Iterable[str], most: int = 5) -> list[str]:
    """At most `most` of the known names that resemble `name`, closest first."""
    wanted = name.casefold()
    by_fold: dict[str, list[str]] = {}
    for candidate in known:
        by_fold.setdefault(candidate.casefold(), []).append(candidate)
    inside = [folded for folded in by_fold if min(len(wanted), len(folded)) > 2]
    inside = [folded for folded in inside if wanted in folded or folded in wanted]
    alike = get_close_matches(wanted, by_fold, n=most, cutoff=0.5)
    folds = dict.fromkeys([*alike[:2], *sorted(inside, key=len), *alike])
    return [candidate for folded in folds for candidate in by_fold[folded]][:most]
