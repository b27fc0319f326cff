"""What is found by a name: the Lexicon's words, tables, profiles, and names of any letters."""

import pytest

from mixpanel_assets.errors import EventNotFoundError
from mixpanel_assets.notes import AnswerWarning
from mixpanel_assets.warehouse.load.catalog import replace_catalog
from mixpanel_assets.warehouse.sql import insert_rows
from mixpanel_assets_tests.asking import local
from mixpanel_assets_tests.warehouse.conftest import DAY, Warehouse, asked, by, sent


def test_the_lexicon_is_searched_by_what_it_says(warehouse: Warehouse) -> None:
    warehouse.load(by("ann", '"amt":1', event="Buy"))
    events = [{"event_name": "Buy", "description": "An order was paid.", "tags": ["money"]}]
    properties = [
        {"event_name": "Buy", "entity_type": "event", "property": "amt", "type": "number",
         "description": "Of the whole order.", "display_name": "Revenue"},
    ]  # fmt: skip
    parts = {"lexicon_events": events, "lexicon_properties": properties}
    replace_catalog(warehouse.connection, parts, day=DAY)
    with asked(warehouse) as connection:
        found = local.find(connection, "revenue")
        assert [(one.kind, one.name, one.event) for one in found] == [("lexicon", "amt", "Buy")]
        assert found[0].example == "Revenue · Of the whole order."
        assert [one.name for one in local.find(connection, "order")] == ["Buy", "amt"]
        assert [one.name for one in local.find(connection, "money")] == ["Buy"]
        assert [one.kind for one in local.find(connection, "lexicon_e")] == ["table"]


def test_names_of_any_letters_are_found(warehouse: Warehouse) -> None:
    names = ["東京 شراء", "a\\nb", "\\u001b[31m", "x" * 5000, "%_'\\\"", "Straße", ""]
    warehouse.load(
        *(sent(f'"{name}":1,"n":{n}', event=f'"{name}"') for n, name in enumerate(names))
    )
    with asked(warehouse) as connection:
        assert {one.name for one in local.find(connection, "東京")} == {"東京 شراء"}
        assert {one.name for one in local.find(connection, "STRASSE")} == {"Straße"}
        assert {one.name for one in local.find(connection, "%_'")} == {"%_'\""}
        assert {one.name for one in local.find(connection, "x" * 50)} == {"x" * 5000}
        assert len(local.find(connection, limit=100)) > 2 * len(names)


def test_that_no_event_is_landed_is_said(warehouse: Warehouse) -> None:
    warehouse.load()
    with asked(warehouse) as connection:
        with pytest.warns(AnswerWarning, match="no event is landed"):
            assert local.find(connection, "qqq") == []
        with pytest.raises(EventNotFoundError, match="no event 'Buy'"):
            local.find(connection, event="Buy")


def test_properties_of_a_fetched_table_are_found(warehouse: Warehouse) -> None:
    warehouse.load(by("ann", '"amount":1'))
    row = {"property": "margin", "column_name": "margin", "type": "DOUBLE", "physical": True}
    insert_rows(warehouse.connection, "internal.property_columns", [{**row, "dataset": "my_pull"}])
    with asked(warehouse) as connection:
        (found,) = local.find(connection, "margin")
        assert (found.kind, found.event, found.type) == ("property", None, "double of my_pull")
