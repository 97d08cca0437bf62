"""Cuts an export into the chunks that wait in `export_chunks`.

Against a stock that exists, each chunk is compared with it: only rows that differ are staged with their JSON, and
a chunk that changes nothing is staged as applied. Whatever happens to the stock afterwards is newer than the
export, and the merge decides on it again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xxhash
import zstandard

from activities.cards.merging import map_columns
from activities.cards.spool import SpooledChunk
from clients.catalog import CatalogSnapshot
from db.cards import stock
from db.cards.staging import ChunkCounters, StagedChunk
from db.session import Database
from domain.cards.chunks import Bound, KeyRange, Mask, key_ranges
from domain.cards.merge import plan_merge, wanted

_ZSTD_LEVEL = 1


@dataclass(frozen=True)
class NumberedChunk:
    """A chunk with its number and the key range that is its own."""

    number: int
    range: KeyRange
    rows: SpooledChunk


class ChunkCutter:
    """Makes staged chunks in order, and keeps their `count` and the `checksum` of all keys (xxh3-64, hex)."""

    def __init__(self, database: Database, snapshot: CatalogSnapshot, stamp: stock.MergeStamp, *, sparse: bool) -> None:
        self._database = database
        self._snapshot = snapshot
        self._stamp = stamp
        self._hash = xxhash.xxh3_64()
        self.sparse = sparse
        self.count = 0

    @property
    def checksum(self) -> str:
        """Of the keys and hashes of all rows so far."""
        return self._hash.hexdigest()

    async def cut(self, chunk: NumberedChunk) -> StagedChunk:
        """Compare, if there is a stock to compare with, and compress what is needed. Raises database errors."""
        # Before the first await: chunks cut at the same time still count in their order.
        self.count += 1
        self._hash.update(chunk.rows.keys.tobytes())
        if not self.sparse:
            return await asyncio.to_thread(_staged, chunk, None)
        keys = chunk.rows.keys
        columns = map_columns(keys, self._snapshot)
        async with self._database.begin() as connection:
            held = await stock.in_range(connection, self._stamp, chunk.range)
        plan = plan_merge(keys["blueprint"], keys["product"], columns.hashes, held)
        rows = len(keys)
        if rows and plan.changes_nothing:
            outcome = ChunkCounters(rows=rows, unchanged=rows, skipped=columns.unmapped)
            return StagedChunk(chunk.number, chunk.range, keys, None, b"", outcome)
        return await asyncio.to_thread(_staged, chunk, wanted(plan, rows))


def _staged(chunk: NumberedChunk, mask: Mask | None) -> StagedChunk:
    json = chunk.rows.json(None if mask is None else np.flatnonzero(mask))
    payload = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(json)
    return StagedChunk(chunk.number, chunk.range, chunk.rows.keys, mask, payload)


def numbered(chunks: Iterator[SpooledChunk]) -> Iterator[NumberedChunk]:
    """Chunks with their ranges: each ends where the next one begins, so one is always held back."""
    # Not itertools.tee: it keeps dozens of chunks, each megabytes.
    held = deque([next(chunks)])

    def cuts() -> Iterator[Bound]:
        for chunk in chunks:
            held.append(chunk)
            yield chunk.first

    for number, range_ in enumerate(key_ranges(cuts())):
        yield NumberedChunk(number, range_, held.popleft())
