"""One valid single-member gzip stream out of separately compressed pieces, without compressing anything again.

Each piece is raw deflate ended by a full flush, so it starts and ends on a byte and refers to nothing before it. The
member's CRC-32 is combined from the pieces' own.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from isal import isal_zlib

HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_FINAL_EMPTY_BLOCK: Final = b"\x01\x00\x00\xff\xff"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the stream: its deflated bytes, and length and CRC-32 of what they inflate to."""

    deflated: bytes | memoryview
    length: int
    crc: int

    @property
    def raw(self) -> bytes:
        """What it inflates to."""
        return isal_zlib.decompressobj(-15).decompress(self.deflated) if self.length else b""


def compress(raw: bytes) -> Piece:
    """A piece for the raw bytes, fast rather than small."""
    deflater = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    deflated = deflater.compress(raw) + deflater.flush(isal_zlib.Z_FULL_FLUSH)
    return Piece(deflated, len(raw), isal_zlib.crc32(raw))


def stored(raw: bytes) -> Piece:
    """A piece for a few bytes (at most 65,535), kept as they are in one stored block."""
    size = len(raw)
    return Piece(b"\x00" + struct.pack("<HH", size, size ^ 0xFFFF) + raw, size, zlib.crc32(raw))


def splice(pieces: Iterable[Piece]) -> Iterator[bytes | memoryview]:
    """The bytes of one gzip member holding all pieces."""
    yield HEADER
    crc = length = 0
    for piece in pieces:
        crc = isal_zlib.crc32_combine(crc, piece.crc, piece.length)
        length += piece.length
        yield piece.deflated
    yield trailer(crc, length)


def trailer(crc: int, length: int) -> bytes:
    """The end of a member: an empty final block, the CRC-32 and the length modulo 2^32."""
    return _FINAL_EMPTY_BLOCK + struct.pack("<II", crc, length & 0xFFFFFFFF)
