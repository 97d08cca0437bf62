"""Spliced gzip streams against the standard library's reader."""

from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.simulators.cardtrader.export import array_of
from devstack.simulators.cardtrader.gzip_splice import compress, splice, stored


@given(st.lists(st.binary(max_size=3000), max_size=12))
def test_one_member_with_the_right_checksum(parts: list[bytes]) -> None:
    stream = b"".join(splice(compress(part) for part in parts))
    inflater = zlib.decompressobj(31)

    assert inflater.decompress(stream) == b"".join(parts) == gzip.decompress(stream)
    assert inflater.eof
    assert not inflater.unused_data


def test_long_and_stored_pieces_mix() -> None:
    rng = random.Random(1)
    parts = [rng.randbytes(700_000), b",", b"x" * 3_000_000, b"]"]
    pieces = [stored(part) if len(part) == 1 else compress(part) for part in parts]

    assert gzip.decompress(b"".join(splice(pieces))) == b"".join(parts)
    assert [piece.raw for piece in pieces] == parts


def test_a_wrong_checksum_would_be_noticed() -> None:
    stream = bytearray(b"".join(splice([compress(b"abc")])))
    stream[-8] ^= 1

    with pytest.raises(zlib.error, match="incorrect data check"):
        zlib.decompress(bytes(stream), 31)


@pytest.mark.parametrize(
    ("blocks", "text"),
    [([], b"[]"), ([b""], b"[]"), ([b"1,2", b"", b"3"], b"[1,2,3]"), ([b"", b"1"], b"[1]"), ([b"1", b""], b"[1]")],
)
def test_empty_blocks_leave_no_comma(blocks: list[bytes], text: bytes) -> None:
    assert b"".join(piece.raw for piece in array_of(map(compress, blocks))) == text
