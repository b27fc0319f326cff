"""Every error is drawn, and says what to do."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mixpanel_assets import errors
from mixpanel_assets.errors import ConfigError, MixpanelDataError, RunFailedError

CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
}
LINE = re.compile(r"^(?P<stem>[│ ├└─]*)(?P<text>\w.*)$", re.MULTILINE)
NAME = re.compile(r"(\w+Error)\b(?:.*exit (\d))?")


@dataclass(frozen=True)
class Drawn:
    """One error of the drawing: its exit code, if told, and what it is drawn below."""

    name: str
    code: str | None
    above: tuple[str, ...]


def _drawing() -> Iterator[Drawn]:
    path: list[tuple[int, str]] = []
    drawing = str(errors.__doc__).partition("\n\n")[2]
    for line in LINE.finditer(drawing):
        path = [(depth, text) for depth, text in path if depth < len(line["stem"])]
        found = NAME.match(line["text"])
        if found:
            yield Drawn(found[1], found[2], tuple(text for _, text in path))
        path.append((len(line["stem"]), found[1] if found else line["text"]))


TREE = list(_drawing())

# The table of exit codes that `mp` is documented with.
EXITS = {
    1: {
        "INTERNAL",
        "RUN_FAILED",
        "OUTPUT_FAILED",
        "API_ERROR",
        "ANSWER_TOO_LARGE",
        "SERVER_ERROR",
        "EXPORT_INCOMPLETE",
        "LOAD_FAILED",
    },
    2: {"CONFIG_ERROR", "ACCOUNT_EXISTS", "USAGE", "INVALID_DATE", "TABLE_EXISTS"},
    3: {"AUTH_FAILED", "PLAN_REQUIRED"},
    4: {
        "ACCOUNT_NOT_FOUND",
        "TABLE_NOT_FOUND",
        "DATABASE_NOT_FOUND",
        "EVENT_NOT_FOUND",
        "PROPERTY_NOT_FOUND",
    },
    5: {"RATE_LIMITED", "BUDGET_EXHAUSTED", "DATABASE_LOCKED", "UNAVAILABLE"},
    6: {"QUERY_FAILED", "SQL_ERROR", "FILTER_FAILED"},
}


def test_every_error_is_drawn_once_and_nothing_else_is() -> None:
    assert sorted(drawn.name for drawn in TREE) == sorted(CLASSES)


@pytest.mark.parametrize("drawn", TREE, ids=lambda drawn: drawn.name)
def test_an_error_is_drawn_with_its_exit_code_below_its_base(drawn: Drawn) -> None:
    kind = CLASSES[drawn.name]
    assert drawn.code in (None, str(kind.exit_code))
    assert all(issubclass(kind, CLASSES[name]) for name in drawn.above if name in CLASSES)


@pytest.mark.parametrize("drawn", TREE[1:], ids=lambda drawn: drawn.name)
def test_an_error_may_pass_later_if_it_is_drawn_so(drawn: Drawn) -> None:
    assert CLASSES[drawn.name].may_pass_later is ("may succeed later" in drawn.above)


def test_no_two_errors_have_one_code() -> None:
    own = [vars(kind)["code"] for kind in CLASSES.values() if "code" in vars(kind)]
    assert len(own) == len(set(own))


def test_the_exit_codes_are_those_of_the_documented_table() -> None:
    told: dict[int, set[str]] = {}
    for kind in CLASSES.values():
        told.setdefault(kind.exit_code, set()).add(kind.code)
    assert told == EXITS


def test_an_error_is_plain_data() -> None:
    error = ConfigError("no home", hint="set MP_HOME", path="/x", days=[1])
    assert error.to_dict() == {
        "code": "CONFIG_ERROR",
        "message": "no home",
        "hint": "set MP_HOME",
        "details": {"path": "/x", "days": [1]},
    }
    assert json.loads(json.dumps(error.to_dict())) == error.to_dict()
    assert str(error) == "no home"


def test_a_failed_run_carries_what_made_it_fail() -> None:
    cause = errors.RateLimitError("slow down", hint="wait", status=429)
    run = RunFailedError(cause.to_dict(), cause.exit_code)
    assert (run.to_dict(), run.exit_code) == (cause.to_dict(), 5)
    assert (RunFailedError.code, RunFailedError.exit_code) == ("RUN_FAILED", 1)


def test_every_error_explains_itself() -> None:
    assert [name for name, kind in CLASSES.items() if not (kind.__doc__ or "").endswith(".")] == []
    assert all(issubclass(kind, MixpanelDataError) for kind in CLASSES.values())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:s3cr3t@host/x", "https://***@host/x"),
        ("at ducklake:postgres://ann:a/b@c@host: no", "at ducklake:postgres://***@host: no"),
        ("URL('ftp://:s3cr3t@host')", "URL('ftp://***@host')"),
        ("/home/https:/ann:s3cr3t@host", "/home/https:/***@host"),
        ("x?motherduck_token=s3cr3t&a=1", "x?motherduck_token=***&a=1"),
        ("x?a=1&X-Amz-Signature=s3cr3t and more", "x?a=1&X-Amz-Signature=*** and more"),
        ("https://mixpanel.com:443/x?a=1", "https://mixpanel.com:443/x?a=1"),
        ("write to ann@example.com, team:data", "write to ann@example.com, team:data"),
        ("select token = 'a' from users", "select token = 'a' from users"),
        ("/home/a@b/w.duckdb", "/home/a@b/w.duckdb"),
    ],
)
def test_an_address_is_told_without_what_may_be_a_secret(text: str, shown: str) -> None:
    error = ConfigError(text, hint=text, value=text, values=[text, 1])
    assert (str(error), error.message, error.hint) == (shown, shown, shown)
    assert error.details == {"value": shown, "values": [shown, 1]}
    assert RunFailedError(error.to_dict(), 2).message == shown
