"""JSON comes out of the warehouse as it went in."""

import json

import duckdb
import pytest

from mixpanel_assets.results import JSONText
from mixpanel_assets.warehouse.statement import answer
from mixpanel_assets_tests.warehouse.conftest import Warehouse, asked

NUMBERS = '"price":1.10,"big":1e400,"exp":1E5,"dup":1,"dup":2,"long":0.12345678901234567890123'
TITLES = [
    "NaN bread",
    "Infinity War",
    "inf",
    "nan",
    "-Infinity",
    "plain",
    'a "NaN" \\\\',
    "\\u00e9",
]


@pytest.mark.parametrize("title", TITLES)
def test_letters_in_a_text_change_no_number(warehouse: Warehouse, title: str) -> None:
    text = f'{{"time":1704196800000,"title":{json.dumps(title)},{NUMBERS}}}'
    warehouse.load(f'{{"event":"E","properties":{text}}}')
    with asked(warehouse) as connection:
        ((shown,),) = answer(connection, "select properties from events").rows
    assert (type(shown), shown) == (JSONText, text)


WRITTEN = {
    '{"a":NaN,"b":1.10,"c":"NaN"}': '{"a":null,"b":1.10,"c":"NaN"}',
    "[-Infinity,nan,-inf,1E5]": "[null,null,null,1E5]",
    '{"nan":1,"finance":{"info":INFINITY}}': '{"nan":1,"finance":{"info":null}}',
    '{"a":\n[1,\n2.50]}': '{"a": [1, 2.50]}',
}


@pytest.mark.parametrize("text", WRITTEN)
def test_what_is_no_number_to_json_is_null_and_a_row_is_one_line(text: str) -> None:
    with duckdb.connect() as connection:
        for query in ("select $1::json", "select [$1::json]", "select {'a': $1::json}"):
            ((shown,),) = answer(connection, query, [text]).rows
            found = shown["a"] if isinstance(shown, dict) else shown
            assert (found[0] if isinstance(found, list) else found) == WRITTEN[text]
            json.loads(WRITTEN[text], parse_constant=pytest.fail)
