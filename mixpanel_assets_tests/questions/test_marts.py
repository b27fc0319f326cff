"""What `mixpanel.toml` declares is checked when it is read."""

from pathlib import Path

import pytest

from mixpanel_assets.errors import ConfigError
from mixpanel_assets.questions.analytics import Funnel, Retention
from mixpanel_assets.questions.base import fields_of
from mixpanel_assets.questions.marts import QUESTIONS, SECTIONS, read_marts

STEPS = 'steps = ["A", "B"]'


def read(tmp_path: Path, text: str) -> list:  # type: ignore[type-arg]
    path = tmp_path / "mixpanel.toml"
    path.write_text(text)
    return list(read_marts(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[funnel.x]", r"mixpanel\.toml: funnel is not a question"),
        ("funnels = 3", r"mixpanel\.toml: funnels is not a section"),
        ("[funnels]\nsteps = 3", r"mixpanel\.toml: funnels\.steps is not a section"),
        ("[funnels.Checkout]", r"funnels\.Checkout: 'Checkout' is not a name for a table"),
        (f'[funnels.x]\n{STEPS}\nwindw = "1d"', r"funnels\.x\.windw is not an option"),
        (f'[funnels.x]\n{STEPS}\nwindow = "soon"', r"funnels\.x: window 'soon' is not a duration"),
        (f"[funnels.x]\n{STEPS}\nwindow = 7", r"funnels\.x\.window: Input should be a valid str"),
        (f'[funnels.x]\n{STEPS}\ncount = "all"', r"funnels\.x\.count: Input should be 'uniques'"),
        (f'[funnels.x]\n{STEPS}\nwhere = "a =="', r"funnels\.x: where"),
        ("[funnels.x]", r"funnels\.x\.steps: Field required"),
        ('[funnels.x]\nsteps = ["A"]', r"funnels\.x: a funnel has two steps or more"),
        (f'[funnels.x]\n{STEPS}\nfrom_date = "7d"', r"funnels\.x\.from_date: every landed day"),
        (f'[funnels.x]\n{STEPS}\ntable = "t"', r"funnels\.x\.table: every landed day"),
        (f"[funnels.x]\n{STEPS}\nlimit = 0", r"funnels\.x\.limit: Input should be greater"),
        ("[funnels.x", r"mixpanel\.toml can't be read"),
    ],
)
def test_an_error_names_the_file_and_the_key(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_name_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f'[funnels.x]\n{STEPS}\nwindw = "1d"')
    assert refused.value.hint == "did you mean window?"
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, "[funnel.x]")
    assert refused.value.hint == "did you mean funnels?"


def test_a_file_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there\.toml is missing"):
        read_marts(tmp_path / "there.toml")


def test_every_question_of_mp_ask_has_a_section() -> None:
    assert list(SECTIONS.values()) == list(QUESTIONS)


def test_every_option_of_a_question_can_be_declared(tmp_path: Path) -> None:
    declared = {
        "steps": '["A", "B"]',
        "window": '"36h"',
        "by": '"plan"',
        "count": '"sessions"',
        "order": '"specific"',
        "hold": '["sku"]',
        "exclude": '["X:1-2"]',
        "reentry": "true",
        "where_applies": '"entries"',
        "unit": '"week"',
        "per_unit": "true",
        "week_start": '"sunday"',
        "idle": '"1h"',
        "limit": "5",
        "where": "'plan != \"free\"'",
        "sql_where": '"true"',
    }
    assert {*declared} == {one.name for one in fields_of(Funnel)} - {
        "from_date",
        "to_date",
        "table",
    }
    lines = "\n".join(f"{name} = {value}" for name, value in declared.items())
    (mart,) = read(tmp_path, f"[funnels.x]\n{lines}")
    assert isinstance(mart.asked, Funnel)
    assert (mart.asked.hold, mart.asked.idle, mart.asked.limit) == (["sku"], "1h", 5)


def test_a_funnel_is_one_of_each_day_unless_a_unit_is_declared(tmp_path: Path) -> None:
    (day,) = read(tmp_path, f"[funnels.x]\n{STEPS}")
    assert (day.asked.unit, day.asked.per_unit, day.is_daily) == ("day", True, True)
    (table,) = read(tmp_path, f'[funnels.x]\n{STEPS}\nunit = "day"')
    assert (table.asked.per_unit, table.is_daily) == (False, False)
    (once,) = read(tmp_path, f"[funnels.x]\n{STEPS}\nper_unit = false")
    assert (once.asked.unit, once.is_daily) == ("day", False)


def test_what_happens_to_people_once_is_not_daily(tmp_path: Path) -> None:
    birth, compounded = read(
        tmp_path,
        '[retention.birth]\nborn = "Sign Up"\n[retention.any]\nretention_type = "compounded"',
    )
    assert isinstance(birth.asked, Retention)
    assert (birth.is_daily, compounded.is_daily) == (False, True)
    assert (compounded.days_before, compounded.days_after) == (0, 11)


def test_a_declaration_has_its_description_and_the_table_its_question_s_name(
    tmp_path: Path,
) -> None:
    one, other = read(tmp_path, f'[funnels.x]\n{STEPS}\ndescription = "What for."\n[sessions.x]')
    assert (one.table, one.description) == ("funnel_x", "What for.")
    assert (other.table, other.description.partition(":")[0]) == ("sessions_x", "Count sessions")
