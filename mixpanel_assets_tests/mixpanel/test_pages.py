"""A page is taken apart, and each profile is the very bytes that Mixpanel sent."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixpanel_assets.errors import (
    ExportIncompleteError,
    MixpanelDataError,
    PlanRequiredError,
    QueryError,
)
from mixpanel_assets.mixpanel.export.pages import page_of

VERBATIM = [
    '{"$distinct_id":"a","$properties":{"n":123456789012345678901234567890}}',
    '{"$distinct_id":"a","$properties":{"n":-9007199254740993}}',
    '{"$distinct_id":"a","$properties":{"n":0.1000000000000000055511151231257827}}',
    '{"$distinct_id":"a","$properties":{"n":1.0,"m":1E400,"k":-0.0,"j":1e2}}',
    '{"$distinct_id":"a","$properties":{"z": 1, "a": 2, "z": 3}}',
    '{"$distinct_id":"a","$properties":{"s":"\\u00e9é\\/😀\u2028\x85\\ud800"}}',
    '{"$distinct_id":4,"$properties":{}}',
    '{"$distinct_id":null,"$properties":{}}',
    '{"$properties":{},"more":[[],{},"]","}"]}',
    "{}",
]


def page(*profiles: str | bytes) -> bytes:
    """The body of a page with these profiles."""
    lines = [one.encode() if isinstance(one, str) else one for one in profiles]
    head, tail = b'{"page":0,"page_size":3,"session_id":"1-X","results":[', b'],"total":7}'
    return head + b",".join(lines) + tail


def lines(body: bytes) -> list[bytes]:
    return [line for _, line in page_of(200, {}, body).profiles]


@pytest.mark.parametrize("text", VERBATIM)
def test_a_profile_keeps_every_digit_and_character(text: str) -> None:
    assert lines(page(text, text)) == [text.encode()] * 2


def test_bytes_that_are_no_text_are_kept() -> None:
    odd = b'{"$distinct_id":"a","$properties":{"s":"\xff\xfe\xed\xa0\x80"}}'
    assert lines(page(odd)) == [odd]


def test_a_profile_is_one_line_however_it_was_laid_out() -> None:
    (line,) = lines(page('{\r\n  "$distinct_id": "a",\n  "$properties": {"s": "x\\ny"}\n}'))
    assert line.count(b"\n") == line.count(b"\r") == 0
    assert json.loads(line) == {"$distinct_id": "a", "$properties": {"s": "x\ny"}}


def test_a_page_says_what_the_next_ones_need() -> None:
    found = page_of(200, {}, page("{}"))
    assert (found.total, found.page_size, found.session_id) == (7, 3, "1-X")
    later = page_of(200, {}, b' { "results" : [ ] , "status" : "ok" } \n')
    assert (later.profiles, later.total, later.page_size, later.session_id) == ([], *[None] * 3)


def test_profiles_are_told_apart_by_their_distinct_id() -> None:
    same = ['{"$distinct_id":"4","n":1}', '{"$distinct_id":4,"n":2}']
    other = ['{"$distinct_id":"é"}', '{"$distinct_id":"null"}', '{"$distinct_id":null}', "{}"]
    keys = [key for key, _ in page_of(200, {}, page(*same, *other)).profiles]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
profiles = st.builds(lambda i, p: {"$distinct_id": i, "$properties": p}, st.text(), values)


@given(st.lists(profiles, max_size=4), st.sampled_from([None, 1]), st.booleans(), st.data())
def test_any_page_is_taken_apart_and_any_part_of_it_is_refused(
    of: list[Any], indent: int | None, ascii_only: bool, data: st.DataObject
) -> None:
    found = {"results": of, "total": len(of), "query": {"results": [1]}}
    text = json.dumps(found, indent=indent, ensure_ascii=ascii_only)
    body = text.encode("utf-8", "surrogatepass")
    assert [json.loads(line.decode("utf-8", "surrogatepass")) for line in lines(body)] == of
    with pytest.raises(ExportIncompleteError):
        page_of(200, {}, body[: data.draw(st.integers(0, len(body) - 1))])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"null",
        b"[]",
        b"{}",
        b'{"results":null}',
        b'{"results":{}}',
        b'{"results":[1]}',
        b'{"results":[{}}',
        b'{"results":[{},]}',
        b'{"results":[{}],}',
        b'{"results":[{}]} x',
        b'{"results":[{}],"total":"many"}',
        b'{"results":[{}],"total":[]}',
        b'{"results":[{"a":"x\ny"}]}',
        b'{"results":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_no_page_is_refused_and_shown(body: bytes) -> None:
    with pytest.raises(ExportIncompleteError, match="not a page of profiles") as raised:
        page_of(200, {}, body)
    assert len(raised.value.message) < 700


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"error":"request for page in uncached query for params"}', QueryError),
        (400, b'{"error":"no session"}', QueryError),
        (402, b'{"error":"Your plan does not allow API calls."}', PlanRequiredError),
    ],
)
def test_an_answer_that_is_an_error_is_that_error(
    status: int, body: bytes, kind: type[MixpanelDataError]
) -> None:
    with pytest.raises(kind):
        page_of(status, {}, body)


def test_a_profile_with_spaces_between_its_members_loads_as_fast_as_one_without() -> None:
    spaced = '{ "$distinct_id" : "a\\"b" , "$properties": {"x": 1.50, "y": [1, 2]} }'
    assert lines(page(spaced)) == [
        b'{"$distinct_id":"a\\"b","$properties":{"x": 1.50, "y": [1, 2]}}'
    ]


def test_a_profile_with_other_members_is_left_as_it_is() -> None:
    for text in (
        '{"$properties": {}, "$distinct_id": "a"}',
        '{"$distinct_id": 7, "$properties": {}}',
        '{"$distinct_id": "a", "$properties": null}',
    ):
        assert lines(page(text)) == [text.encode()]
