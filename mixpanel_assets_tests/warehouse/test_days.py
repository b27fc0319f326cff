"""What Dagster shows of a day."""

from mixpanel_assets.warehouse.ask.days import day_previews
from mixpanel_assets_tests.warehouse.conftest import DAY, Warehouse, by


def test_nothing_in_an_event_s_name_is_markdown_or_html(warehouse: Warehouse) -> None:
    name = r"<img src=x>|**a**\u001b[2J\u202e\n# b"
    warehouse.load(by("ann", event=name), by("bob", event="Sign_Up"))
    *_, odd, plain = day_previews(warehouse.connection, [DAY])[DAY].splitlines()
    assert odd == r"| &lt;img src=x&gt;\|\*\*a\*\*\\x1b\[2J\\u202e # b | 1 | 1 |"
    assert plain == "| Sign_Up | 1 | 1 |"
