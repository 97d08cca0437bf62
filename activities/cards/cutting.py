"""Cuts an export into the chunks that wait in `export_chunks`.

A first export is cut as it is, into whole ranges. Where there is a stock, every range is compared with it, and a chunk
gathers what differs in as many ranges as it takes: rows that are in the stock already need no merge. Whatever happens
to the stock afterwards is newer than the export, and the merge decides on it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import xxhash
import zstandard

from activities.cards.merging import map_columns
from activities.cards.spool import SpooledChunk
from clients.catalog import CatalogSnapshot
from db.cards import stock
from db.cards.staging import ChunkCounters, Compared, StagedChunk
from db.session import Database
from domain.cards.chunks import Bound, KeyRange, Keys, key_ranges
from domain.cards.mapping import MappingStatus
from domain.cards.merge import MergePlan, plan_merge

_ZSTD_LEVEL = 1


@dataclass(frozen=True)
class CutRange:
    """Rows of the export in index order, and the key range that is their own."""

    range: KeyRange
    rows: SpooledChunk


class Cutter(Protocol):
    """Makes staged chunks: their `count`, numbered from 0; a `repeatable` one makes the same of the same ranges."""

    count: int
    repeatable: bool

    async def cut(self, ranges: Sequence[CutRange]) -> list[StagedChunk]:
        """The chunks that are complete with these ranges, which follow on those before. Raises database errors."""

    def rest(self) -> list[StagedChunk]:
        """The last chunks."""


class WholeCutter:
    """One chunk per range, with all its rows."""

    repeatable = True

    def __init__(self) -> None:
        self.count = 0

    async def cut(self, ranges: Sequence[CutRange]) -> list[StagedChunk]:
        """Compress them."""
        numbered = enumerate(ranges, self.count)
        self.count += len(ranges)
        return await asyncio.gather(*(asyncio.to_thread(_whole, number, cut) for number, cut in numbered))

    def rest(self) -> list[StagedChunk]:
        """Nothing is held back."""
        return []


@dataclass(frozen=True)
class _Difference:
    """A range after its comparison: rows to merge, and what is known of the others."""

    range: KeyRange
    keys: Keys
    raws: list[bytes]
    compared: Compared

    @property
    def weight(self) -> int:
        """How much of a chunk it takes."""
        return len(self.keys) + len(self.compared.missing_items) + len(self.compared.contested_blueprints)


class DifferenceCutter:
    """Chunks of at most about `size` differences; at least one chunk, for the numbers of an export without any."""

    # The stock moves on between two attempts.
    repeatable = False

    def __init__(self, database: Database, snapshot: CatalogSnapshot, stamp: stock.MergeStamp, *, size: int) -> None:
        self._database = database
        self._snapshot = snapshot
        self._stamp = stamp
        self._size = size
        self.count = 0
        self._open: list[_Difference] = []

    async def cut(self, ranges: Sequence[CutRange]) -> list[StagedChunk]:
        """Compare all at once, and close a chunk where the next range would be too much for it."""
        chunks = []
        for difference in await asyncio.gather(*map(self._compare, ranges)):
            if sum(one.weight for one in self._open) + difference.weight > self._size:
                chunks += self.rest()
            self._open.append(difference)
        return chunks

    def rest(self) -> list[StagedChunk]:
        """The chunk that is open."""
        if not self._open:
            return []
        chunk = _gathered(self.count, self._open)
        self.count, self._open = self.count + 1, []
        return [chunk]

    async def _compare(self, cut: CutRange) -> _Difference:
        keys = cut.rows.keys
        columns = map_columns(keys, self._snapshot)
        async with self._database.begin() as connection:
            held = await stock.in_range(connection, self._stamp, cut.range)
        plan = plan_merge(keys["blueprint"], keys["product"], columns.hashes, held)
        written = plan.written
        unmapped = columns.mapping.status != MappingStatus.MAPPED
        skipped = int(np.count_nonzero(unmapped) - np.count_nonzero(unmapped[written]))
        raws = await asyncio.to_thread(cut.rows.take, written) if len(written) else []
        return _Difference(cut.range, keys[written], raws, _compared(plan, skipped))


def _compared(plan: MergePlan, skipped: int) -> Compared:
    counters = ChunkCounters(
        rows=plan.unchanged + plan.contested, unchanged=plan.unchanged, contested=plan.contested, skipped=skipped
    )
    return Compared(counters, plan.missing_items.tolist(), plan.contested_blueprints.tolist())


def _gathered(number: int, differences: Sequence[_Difference]) -> StagedChunk:
    return StagedChunk(
        number,
        KeyRange(differences[0].range.low, differences[-1].range.high),
        np.concatenate([one.keys for one in differences]),
        _packed([raw for one in differences for raw in one.raws]),
        sum((one.compared for one in differences), Compared()),
    )


def _whole(number: int, cut: CutRange) -> StagedChunk:
    rows = cut.rows
    return StagedChunk(number, cut.range, rows.keys, _packed(rows.take(np.arange(len(rows.keys)))))


def _packed(raws: list[bytes]) -> bytes:
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(b"[" + b",".join(raws) + b"]")


class Ranges(Iterator[CutRange]):
    """The ranges of sorted chunks; keeps the `checksum` (xxh3-64, hex) of all keys and hashes so far."""

    def __init__(self, chunks: Iterator[SpooledChunk]) -> None:
        self._hash = xxhash.xxh3_64()
        self._ranges = _ranges(chunks)

    def __next__(self) -> CutRange:
        cut = next(self._ranges)
        self._hash.update(cut.rows.keys.tobytes())
        return cut

    @property
    def checksum(self) -> str:
        """Of the ranges handed out."""
        return self._hash.hexdigest()


def _ranges(chunks: Iterator[SpooledChunk]) -> Iterator[CutRange]:
    """Each ends where the next one begins, so one is always held back."""
    # Not itertools.tee: it keeps dozens of chunks.
    held = deque([next(chunks)])

    def cuts() -> Iterator[Bound]:
        for chunk in chunks:
            held.append(chunk)
            yield chunk.first

    for range_ in key_ranges(cuts()):
        yield CutRange(range_, held.popleft())
