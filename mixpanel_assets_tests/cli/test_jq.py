"""`--jq` is jq over what the command would have printed."""

from collections.abc import Callable

import pytest

from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.cli.conftest import Home
from mixpanel_assets_tests.cli.test_help import WRITTEN
from mixpanel_assets_tests.conftest import Answer

Mp = Callable[..., Answer]
QUERY = "from (values (1, 'a'), (2, '✓')) as t(n, s)"

# An expression over two rows: what json and jsonl print.
PRINTED = {
    ".": (
        '[{"n": 1, "s": "a"}, {"n": 2, "s": "✓"}]\n',
        '[{"n": 1, "s": "a"}, {"n": 2, "s": "✓"}]\n',
    ),
    ".[1].s": ('"✓"\n', '"✓"\n'),
    ".[].n": ("[1, 2]\n", "1\n2\n"),
    "length": ("2\n", "2\n"),
    ".[0]": ('{"n": 1, "s": "a"}\n', '{"n": 1, "s": "a"}\n'),
    "map(.n / 4)": ("[0.25, 0.5]\n", "[0.25, 0.5]\n"),
    ".[0].nope": ("null\n", "null\n"),
    "empty": ("[]\n", ""),
}


@pytest.mark.parametrize("expression", PRINTED)
def test_one_result_is_alone_and_several_are_a_list_or_lines(
    expression: str, landed: Home, here: Mp
) -> None:
    for format_, printed in zip(("json", "jsonl"), PRINTED[expression], strict=True):
        answer = here("sql", QUERY, "--jq", expression, "-f", format_)
        assert (answer.code, answer.out, answer.err) == (0, printed, "")


def test_a_scalar_is_filtered_too(landed: Home, here: Mp) -> None:
    assert here("sql", "select 20", "--scalar", "--jq", ". + 1").out == "21\n"


def test_integers_that_jq_rounds_are_told(landed: Home, here: Mp) -> None:
    answers = [
        here("sql", f"select {value} as n", "--jq", ".[].n")
        for value in (2**53, 2**53 + 1, f"'{2**53 + 1}'")
    ]
    assert [answer.out.strip() for answer in answers[::2]] == [str(2**53), f'"{2**53 + 1}"']
    assert [answer.err.count("rounds integers") for answer in answers] == [0, 1, 0]


def test_a_wrong_expression_is_refused_before_anything_is_asked(
    account: Simulator, here: Mp
) -> None:
    land = ("materialize", "events", "--from", "2024-01-02", "--to", "2024-01-02")
    for wrong in (("--jq", ".["), ("--jq", "nosuch(1)"), ("--jq", ""), ("--jq", ".", "-f", "csv")):
        answer = here(*land, *wrong)
        assert (answer.code, answer.out, answer.error["code"]) == (2, "", "USAGE")
        assert "--jq" in answer.error["message"]
    assert account.requests == []


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("env", 0),
        ("$ENV", 0),
        ("[.. | env, $ENV.MP_SECRET]", 0),
        ("def f: env; f | .MP_SECRET", 0),
        (". as $x | env | to_entries", 0),
        (".) | ($ENV", 2),
        ('import "x" as $d; $d', 2),
        ('include "x"; .', 2),
        ('"x" | modulemeta', 0),
    ],
)
def test_an_expression_sees_the_answer_alone(
    expression: str, code: int, landed: Home, here: Mp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MP_SECRET", "s3cr3t")
    answer = here("sql", QUERY, "--jq", expression)
    assert (answer.code, "s3cr3t" in answer.out + answer.err) == (code, False)


def test_an_expression_that_does_not_fit_the_answer_prints_nothing(landed: Home, here: Mp) -> None:
    answer = here("sql", QUERY, "--jq", ".[0], .n")
    assert (answer.code, answer.out, answer.error["code"]) == (6, "", "FILTER_FAILED")


@pytest.mark.parametrize("name", WRITTEN)
def test_whatever_has_a_format_has_a_filter(name: str) -> None:
    options = {option for one in WRITTEN[name].params for option in one.opts}
    assert ("--format" in options) == ("--jq" in options)
    assert "--format" in options or name in ("demo", "dev", "mcp")
