"""gzip streams come out as they went in, however they are cut."""

import gzip
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal.igzip_lib import IsalError

from mixpanel_assets.gzipped import PIECE, Inflater


def inflated(stream: bytes, size: int) -> tuple[list[bytes], bool]:
    """The pieces of a stream that comes in chunks of a size, and whether it has an end."""
    inflater = Inflater()
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    return [piece for chunk in chunks for piece in inflater.feed(chunk)], inflater.ended


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 500))
def test_several_members_are_one_stream_wherever_it_is_cut(members: list[bytes], size: int) -> None:
    pieces, ended = inflated(b"".join(map(gzip.compress, members)), size)
    assert (b"".join(pieces), ended) == (b"".join(members), True)


@given(st.binary(max_size=300), st.data())
def test_a_stream_that_is_cut_off_has_no_end(body: bytes, data: st.DataObject) -> None:
    stream = gzip.compress(body)
    pieces, ended = inflated(stream[: data.draw(st.integers(0, len(stream) - 1))], 100)
    assert body.startswith(b"".join(pieces))
    assert not ended


@pytest.mark.parametrize("length", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 1])
def test_a_small_chunk_of_much_comes_in_pieces(length: int) -> None:
    stream = gzip.compress(bytes(length), 1) + gzip.compress(b"the next member")
    pieces, ended = inflated(stream, len(stream))
    assert (b"".join(pieces), ended) == (bytes(length) + b"the next member", True)
    assert max(map(len, pieces)) <= PIECE


def test_a_damaged_stream_is_an_error() -> None:
    stream = bytearray(gzip.compress(Random(0).randbytes(1000)))
    stream[-6] ^= 1  # of its checksum
    with pytest.raises(IsalError):
        inflated(bytes(stream), 100)
    with pytest.raises(IsalError):
        inflated(gzip.compress(b"whole") + b"and something else", 1000)
