"""A body is taken apart by bytes: cut anywhere, it is whole or it is refused."""

import gzip
import json
from datetime import date
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from mixpanel_assets.accounts import Credentials
from mixpanel_assets.errors import ExportIncompleteError
from mixpanel_assets.landed import LandedFile
from mixpanel_assets.mixpanel.budget import Budget
from mixpanel_assets.mixpanel.client import Client, RetryPolicy
from mixpanel_assets.mixpanel.export.events import LineCheck, export_events

DAY = date(2024, 1, 2)
texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=8)
records = st.builds(
    lambda name, value: {"event": name, "properties": {"time": 1, "value": value}}, texts, texts
)


def body(of: list[dict[str, object]]) -> bytes:
    lines = (json.dumps(r, ensure_ascii=False, separators=(",", ":")).encode() for r in of)
    return b"".join(line + b"\n" for line in lines)


def count(data: bytes, size: int) -> int:
    check = LineCheck()
    for start in range(0, len(data), size):
        check.feed(data[start : start + size])
    check.finish()
    return check.count


@given(st.lists(records, max_size=6), st.integers(1, 50))
def test_every_record_counts_however_the_body_is_cut_into_pieces(
    of: list[dict[str, object]], size: int
) -> None:
    assert count(body(of), size) == len(of)


@given(st.lists(records, min_size=1, max_size=4), st.integers(1, 50), st.data())
def test_a_body_that_ends_inside_a_record_is_refused(
    of: list[dict[str, object]], size: int, data: st.DataObject
) -> None:
    whole = body(of)
    at = data.draw(st.integers(1, len(whole) - 2))
    if whole[:at].endswith((b"}}", b"}}\n")):
        return  # between two records: nothing tells that more was to come
    with pytest.raises(ExportIncompleteError):
        count(whole[:at], size)


@pytest.mark.parametrize(
    "tail",
    [
        b"terminated early",
        b"terminated early\n",
        b"export terminated early\n",
        b'{"error":"internal',
        b'{"error":"internal"}\n',
        b"null\n",
        b'{"event":"b","properties":{"a":terminated early',
        b"<html></html>\n",
    ],
)
def test_a_tail_that_is_no_record_is_refused_and_shown(tail: bytes) -> None:
    with pytest.raises(ExportIncompleteError, match="after 1 events") as raised:
        count(body([{"event": "a", "properties": {}}]) + tail, 16)
    assert "not an event" in raised.value.details["reason"]


def test_a_last_line_without_its_end_is_a_record_like_the_others() -> None:
    assert count(body([{"event": "a", "properties": {}}] * 2)[:-1], 7) == 2


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x1c"])
def test_only_newlines_end_a_line(separator: str) -> None:
    line = f'{{"event":"a","properties":{{"x":"1{separator}2"}}}}\n'.encode()
    assert count(line * 3, 5) == 3


def export(tmp_path: Path, answer: httpx.Response) -> LandedFile:
    credentials = Credentials(username="u", secret=SecretStr("s"), project_id="1")
    transport = httpx.MockTransport(lambda request: answer)
    budget = Budget(tmp_path / "budget.sqlite", "1")
    retry = RetryPolicy(attempts=1)
    with Client(credentials, budget, retry=retry, transport=transport) as mixpanel:
        return export_events(mixpanel, DAY, DAY, tmp_path / "landed")


def test_a_gzip_body_of_several_members_is_one_export(tmp_path: Path) -> None:
    parts = [gzip.compress(body([{"event": name, "properties": {}}])) for name in "ab"]
    answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=_Stream(parts))
    file = export(tmp_path, answer)
    assert file.records == 2
    assert gzip.decompress(file.path.read_bytes()).count(b"\n") == 2


def test_a_plain_body_is_kept_compressed(tmp_path: Path) -> None:
    sent = body([{"event": "a", "properties": {}}])
    file = export(tmp_path, httpx.Response(200, stream=_Stream([sent])))
    assert gzip.decompress(file.path.read_bytes()) == sent


def test_an_empty_body_is_an_empty_day_but_an_empty_gzip_body_is_a_cut_one(tmp_path: Path) -> None:
    assert export(tmp_path, httpx.Response(200, stream=_Stream([]))).records == 0
    cut = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=_Stream([]))
    with pytest.raises(ExportIncompleteError):
        export(tmp_path, cut)


def test_what_is_not_verified_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ExportIncompleteError):
        export(tmp_path, httpx.Response(200, stream=_Stream([b"terminated early"])))
    assert list((tmp_path / "landed").iterdir()) == []


class _Stream(httpx.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._chunks)
