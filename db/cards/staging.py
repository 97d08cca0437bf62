"""Staged exports: chunks wait in `export_chunks` until each was merged into the stock exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from operator import add as plus
from uuid import UUID

import numpy as np
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import reporting
from db.cards.reporting import Reporting
from db.cards.tables import export_chunks, sync_operations
from domain.cards.chunks import KEY, Bound, KeyRange, Keys, Scope, TheseRows


@dataclass(frozen=True)
class ChunkCounters:
    """What became of a chunk's rows; see `workflows.cards.contracts.Counters`."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    contested: int = 0
    failed: int = 0

    def __add__(self, other: ChunkCounters) -> ChunkCounters:
        return ChunkCounters(*map(plus, astuple(self), astuple(other)))


@dataclass(frozen=True)
class Compared:
    """What a comparison told of a key range: the rows that need no merge, and stock rows that the export lacks."""

    counters: ChunkCounters = ChunkCounters()
    missing_items: Sequence[int] = ()
    contested_blueprints: Sequence[int] = ()

    def __add__(self, other: Compared) -> Compared:
        return Compared(
            self.counters + other.counters,
            [*self.missing_items, *other.missing_items],
            [*self.contested_blueprints, *other.contested_blueprints],
        )


@dataclass(frozen=True)
class StagedChunk:
    """One chunk to write: the keys of the rows to merge, in index order, and their compressed JSON array.

    These are all rows of the export in the key range or, where it was `compared`, those that differ.
    """

    chunk_no: int
    range: KeyRange
    keys: Keys
    payload: bytes
    compared: Compared | None = None


@dataclass(frozen=True)
class ClaimedChunk:
    """A chunk locked for merging. `counted` so far; rows that changed after `export_began` are newer than it."""

    keys: Keys
    scope: Scope
    counted: ChunkCounters
    export_began: datetime
    applied: bool
    reporting: Reporting


async def fence(connection: AsyncConnection, operation_id: UUID, attempt: str) -> bool:
    """Hold the operation for this transaction; False when it is closed or a later staging attempt took over.

    Without it, an attempt that was given up for dead could mix its chunks with those of its successor.
    """
    query = text(
        "SELECT 1 FROM sync_operations WHERE operation_id = :operation AND status = 'running'"
        " AND operation_metadata->>'staging_attempt' = :attempt FOR SHARE"
    )
    found = await connection.execute(query, {"operation": str(operation_id), "attempt": attempt})
    return found.first() is not None


async def staged(connection: AsyncConnection, operation_id: UUID) -> set[int]:
    """Numbers of the chunks that are there."""
    query = select(export_chunks.c.chunk_no).where(export_chunks.c.operation_id == str(operation_id))
    return set((await connection.scalars(query)).all())


async def add(connection: AsyncConnection, operation_id: UUID, chunks: list[StagedChunk]) -> None:
    """Write chunks that are not there yet."""
    await connection.execute(insert(export_chunks), [_row(operation_id, chunk) for chunk in chunks])


def _row(operation_id: UUID, chunk: StagedChunk) -> dict[str, object]:
    low, high, compared = chunk.range.low, chunk.range.high, chunk.compared or Compared()
    return {
        "operation_id": str(operation_id),
        "chunk_no": chunk.chunk_no,
        "rows": len(chunk.keys) + compared.counters.rows,
        "low_blueprint_id": low and low.blueprint_id,
        "low_product_id": low and low.product_id,
        "high_blueprint_id": high and high.blueprint_id,
        "high_product_id": high and high.product_id,
        "keys": chunk.keys.tobytes(),
        "payload": chunk.payload,
        "compared": chunk.compared is not None,
        "missing_item_ids": list(compared.missing_items),
        "contested_blueprints": list(compared.contested_blueprints),
        **_outcome(compared.counters),
    }


def _outcome(counters: ChunkCounters) -> dict[str, int]:
    return {name: getattr(counters, name) for name in ChunkCounters.__dataclass_fields__ if name != "rows"}


_metadata = sync_operations.c.operation_metadata


async def claim(connection: AsyncConnection, operation_id: UUID, chunk_no: int) -> ClaimedChunk | None:
    """Lock a chunk of a running operation until the transaction ends; None when there is none (any more)."""
    columns = export_chunks.c
    query = (
        select(
            columns.rows,
            columns["keys"],
            columns.compared,
            columns.applied_at,
            columns.low_blueprint_id,
            columns.low_product_id,
            columns.high_blueprint_id,
            columns.high_product_id,
            *(columns[name] for name in ("created", "updated", "unchanged", "skipped", "contested", "failed")),
            *(_metadata[name].astext.label(name) for name in ("export_began", *reporting.NAMES)),
        )
        .join(sync_operations, sync_operations.c.operation_id == columns.operation_id)
        .where(columns.operation_id == str(operation_id), columns.chunk_no == chunk_no)
        .where(sync_operations.c.status == "running")
        .with_for_update(of=export_chunks)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    if row is None:
        return None
    keys, applied = np.frombuffer(row["keys"], dtype=KEY), row["applied_at"] is not None
    counted = {name: row[name] for name in ChunkCounters.__dataclass_fields__}
    low = _bound(row["low_blueprint_id"], row["low_product_id"])
    high = _bound(row["high_blueprint_id"], row["high_product_id"])
    return ClaimedChunk(
        keys=keys,
        scope=TheseRows(keys) if row["compared"] else KeyRange(low, high),
        counted=ChunkCounters(**counted if applied else counted | {"rows": row["rows"] - len(keys)}),
        export_began=datetime.fromisoformat(row["export_began"]),
        applied=applied,
        reporting=Reporting.of(dict(row)),
    )


def _bound(blueprint_id: int | None, product_id: int | None) -> Bound | None:
    return None if blueprint_id is None or product_id is None else Bound(blueprint_id, product_id)


async def payload(connection: AsyncConnection, operation_id: UUID, chunk_no: int) -> bytes:
    """The compressed rows of a claimed chunk."""
    query = select(export_chunks.c.payload).where(
        export_chunks.c.operation_id == str(operation_id), export_chunks.c.chunk_no == chunk_no
    )
    result: bytes = (await connection.execute(query)).scalar_one()
    return result


async def record(
    connection: AsyncConnection,
    operation_id: UUID,
    chunk_no: int,
    counters: ChunkCounters,
    *,
    missing_items: list[int],
    contested_blueprints: list[int],
) -> ChunkCounters:
    """Add what a merge did to what was counted, in its transaction: a repeat finds the note. Returns the sums."""
    columns = export_chunks.c
    counted = {name: columns[name] + number for name, number in _outcome(counters).items()}
    result = await connection.execute(
        update(export_chunks)
        .where(columns.operation_id == str(operation_id), columns.chunk_no == chunk_no)
        .values(
            applied_at=func.now(),
            missing_item_ids=columns.missing_item_ids + missing_items,
            contested_blueprints=columns.contested_blueprints + contested_blueprints,
            **counted,
        )
        .returning(*(columns[name] for name in ChunkCounters.__dataclass_fields__))
    )
    return ChunkCounters(*result.one())


async def totals(connection: AsyncConnection, operation_id: UUID) -> tuple[int, ChunkCounters]:
    """How many chunks were merged, and the sums of their counters."""
    columns = export_chunks.c
    names = tuple(ChunkCounters.__dataclass_fields__)
    query = select(func.count(), *(func.coalesce(func.sum(columns[name]), 0) for name in names)).where(
        columns.operation_id == str(operation_id), columns.applied_at.is_not(None)
    )
    count, *sums = (await connection.execute(query)).one()
    return count, ChunkCounters(**dict(zip(names, sums, strict=True)))


# Driven from the staged arrays, which are nearly always empty, never from the stock.
_TO_READ_AGAIN = text("""
    WITH staged AS (SELECT contested_blueprints, missing_item_ids FROM export_chunks
                    WHERE operation_id = :operation_id),
         candidates AS (
             SELECT item.* FROM (SELECT DISTINCT unnest(contested_blueprints) AS blueprint_id FROM staged) AS contested
             JOIN user_inventory_items AS item ON item.blueprint_id = contested.blueprint_id AND item.user_id = :user_id
             UNION ALL
             SELECT item.* FROM (SELECT unnest(missing_item_ids) AS id FROM staged WHERE :and_missing) AS missing
             JOIN user_inventory_items AS item ON item.id = missing.id AND item.user_id = :user_id)
    SELECT DISTINCT blueprint_id FROM candidates
    WHERE sync_state IN ('synced', 'uncertain') AND reserved_quantity = 0
    ORDER BY blueprint_id
    LIMIT :most
""")


async def to_read_again(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, *, and_missing: bool, most: int
) -> list[int]:
    """Blueprints of rows that were left alone and that reading again can settle, ascending, at most `most`.

    Rows with an edit or a reservation under way are not among them: those settle them. `and_missing` adds the
    rows that the export lacks, for an export that may not have shown everything.
    """
    values = {"user_id": user_id, "operation_id": str(operation_id), "and_missing": and_missing, "most": most}
    return list(await connection.scalars(_TO_READ_AGAIN, values))


async def drop(connection: AsyncConnection, operation_id: UUID) -> None:
    """Forget the staged rows of an operation."""
    await connection.execute(delete(export_chunks).where(export_chunks.c.operation_id == str(operation_id)))
