"""The export of one stock as compressed blocks: rendered once, kept, and rendered again only where a product changed.

A pristine stock's blocks lie in a file of the cache directory, so that a second start reads instead of rendering.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from .generator import Columns
from .gzip_splice import Piece, compress, stored
from .rows import Owner, render
from .stock import Rows, Stock

_OPEN: Final = stored(b"[")
_COMMA: Final = stored(b",")
_CLOSE: Final = stored(b"]")


def array_of(blocks: Iterable[Piece]) -> Iterator[Piece]:
    """One JSON array out of blocks, each of them rows joined by commas, or empty."""
    yield _OPEN
    first = True
    for block in blocks:
        if block.length:
            if not first:
                yield _COMMA
            yield block
            first = False
    yield _CLOSE


def pack(rows: Iterable[str]) -> Piece:
    """A block out of rendered rows."""
    return compress(",".join(rows).encode())


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """Where a block lies in the cache file."""

    offset: int
    size: int
    length: int
    crc: int


class BlockStore:
    """Compressed blocks of a stock, rendered when asked for; `prepare` renders all that are missing."""

    def __init__(self, stock: Stock, owner: Owner) -> None:
        self._stock = stock
        self._owner = owner
        self._pieces: list[Piece | None] = []

    def prepare(self) -> int:
        """Render what is missing or changed; returns how many blocks that were."""
        return sum(self._ensure(number) for number in range(self._stock.blocks))

    def pieces(self) -> Iterator[Piece]:
        """All blocks in order, rendering on the way what is not ready."""
        for number in range(self._stock.blocks):
            yield self.piece(number)

    def piece(self, number: int) -> Piece:
        """One block, up to date."""
        self._ensure(number)
        piece = self._pieces[number]
        assert piece is not None  # noqa: S101 - narrows the type, _ensure has just filled it
        return piece

    def rows(self, number: int) -> list[str]:
        """The rows of one block, rendered now."""
        return self._render(self._stock.block(number))

    def subset(self, rows: Rows) -> Piece:
        """A block of just these rows."""
        return pack(self._render(self._stock.take(rows)))

    def _ensure(self, number: int) -> bool:
        self._pieces.extend([None] * (self._stock.blocks - len(self._pieces)))
        if self._pieces[number] is not None and number not in self._stock.dirty:
            return False
        self._stock.dirty.discard(number)
        self._pieces[number] = pack(self.rows(number))
        return True

    def _render(self, columns: Columns) -> list[str]:
        return render(columns, self._owner, self._stock.texts)

    def save(self, path: Path) -> None:
        """Write all blocks and their index; readers see the whole or nothing."""
        entries, offset = [], 0
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as file:
            for piece in self.pieces():
                file.write(piece.deflated)
                entries.append(Entry(offset, len(piece.deflated), piece.length, piece.crc))
                offset += len(piece.deflated)
        path.with_suffix(".index").write_bytes(msgspec.json.encode(entries))
        partial.replace(path)

    def load(self, path: Path) -> bool:
        """Take all blocks from the cache file, mapped rather than read; False when there is none that fits."""
        index = path.with_suffix(".index")
        if not (path.exists() and index.exists() and path.stat().st_size):
            return False
        entries = msgspec.json.decode(index.read_bytes(), type=list[Entry])
        size = entries[-1].offset + entries[-1].size if entries else 0
        if len(entries) != self._stock.blocks or path.stat().st_size != size:
            return False
        with path.open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self._pieces = [
            Piece(mapped[entry.offset : entry.offset + entry.size], entry.length, entry.crc) for entry in entries
        ]
        return True
