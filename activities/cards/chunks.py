"""Merges one staged chunk into the stock.

Idempotent: the merge and the note of its outcome are one transaction, under a lock on the chunk; a repeat,
even at the same time, finds the note and answers the same.
"""

from __future__ import annotations

from dataclasses import asdict

import zstandard
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards.errors import ChunkUnreadable, OperationClosed
from activities.cards.merging import Incoming, Merged, merge
from activities.cards.watching import watching
from activities.support import beating
from clients.catalog import Catalog, CatalogSnapshot
from db import failed_records
from db.cards import staging, stock
from db.session import Database
from workflows.cards.contracts import ApplyChunk, ChunkLost, Counters


class ChunkMerge:
    """Applies chunks of one export to the stock of its seller."""

    def __init__(self, database: Database, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog

    @activity.defn
    async def apply_chunk(self, request: ApplyChunk) -> Counters:
        """Merge one chunk. Raises `OperationClosed`, `ChunkUnreadable`, `CatalogUnavailable` or database errors."""
        async with beating():
            snapshot = await self._catalog.snapshot()
            async with self._database.begin() as connection:
                claimed = await _claim(connection, request)
                return await _apply(connection, request, claimed, snapshot)

    @activity.defn
    async def lose_chunk(self, request: ChunkLost) -> Counters:
        """Give a chunk up: its rows count as failed, with one dead letter that says why."""
        async with self._database.begin() as connection:
            claimed = await _claim(connection, request)
            if claimed.applied:
                return Counters(**asdict(claimed.counted))
            if not claimed.reporting.dry_run:
                letter = failed_records.Letter(f"chunk-{request.chunk_no}", request.reason, None)
                await failed_records.bury(
                    connection, request.user_id, request.operation_id, [letter], context="cards", stage="apply"
                )
            rows = len(claimed.keys)
            return await _record(connection, request, Merged(staging.ChunkCounters(rows=rows, failed=rows), [], []))


async def _claim(connection: AsyncConnection, request: ApplyChunk | ChunkLost) -> staging.ClaimedChunk:
    claimed = await staging.claim(connection, request.operation_id, request.chunk_no)
    if claimed is None:
        raise OperationClosed
    return claimed


async def _apply(
    connection: AsyncConnection, request: ApplyChunk, claimed: staging.ClaimedChunk, snapshot: CatalogSnapshot
) -> Counters:
    if claimed.applied:
        return Counters(**asdict(claimed.counted))

    async def json() -> bytes:
        return _unpack(await staging.payload(connection, request.operation_id, request.chunk_no))

    stamp = stock.MergeStamp(request.user_id, request.operation_id, claimed.export_began)
    incoming = Incoming(claimed.keys, claimed.scope, json)
    watch = watching(request.user_id, request.operation_id, claimed.reporting)
    merged = await merge(connection, stamp, incoming, snapshot, watch)
    return await _record(connection, request, merged)


async def _record(connection: AsyncConnection, request: ApplyChunk | ChunkLost, merged: Merged) -> Counters:
    counted = await staging.record(
        connection,
        request.operation_id,
        request.chunk_no,
        merged.counters,
        missing_items=merged.missing_items,
        contested_blueprints=merged.contested_blueprints,
    )
    return Counters(**asdict(counted))


def _unpack(payload: bytes) -> bytes:
    try:
        return zstandard.decompress(payload)
    except zstandard.ZstdError as error:
        raise ChunkUnreadable from error
