"""Operations: the audit trail of `sync_operations`, and the projection that progress answers are read from.

`register` commits before anything is started, so a public task id is pollable at once. While a bulk sync runs
its counters are sums over `export_chunks`; at its end they are recorded in the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import export_chunks, sync_operations
from db.keyset import Position, older_than
from domain.cards.progress import OPEN, Counts, Projection, State

BULK_TYPES: Final = ("bulk_sync", "periodic_sync")

_op = sync_operations.c
_chunk = export_chunks.c


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the trail; `operation_id` is the public task id."""

    id: int
    user_id: UUID
    operation_id: str
    operation_type: str
    state: State
    story: Projection
    created_at: datetime
    completed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Queued or running, as far as the row knows."""
        return self.state in OPEN

    @property
    def is_bulk(self) -> bool:
        """Whether a bulk sync workflow drives it; a reconciliation of one blueprint has a workflow of its own."""
        return self.operation_type in BULK_TYPES and self.story.blueprint_id is None


async def register(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, operation_type: str, metadata: Mapping[str, object]
) -> None:
    """Insert the operation as `pending`."""
    await connection.execute(insert(sync_operations).values(_pending(user_id, operation_id, operation_type, metadata)))


async def register_once(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, operation_type: str, metadata: Mapping[str, object]
) -> bool:
    """`register`, or False when there is one of that id already; waits for whoever is inserting it."""
    values = _pending(user_id, operation_id, operation_type, metadata)
    once = insert(sync_operations).values(values).on_conflict_do_nothing(index_elements=["operation_id"])
    return (await connection.execute(once)).rowcount == 1


def _pending(
    user_id: UUID, operation_id: UUID, operation_type: str, metadata: Mapping[str, object]
) -> dict[str, object]:
    return {
        "user_id": user_id,
        "operation_id": str(operation_id),
        "operation_type": operation_type,
        "status": "pending",
        "operation_metadata": dict(metadata),
    }


async def metadata_of(connection: AsyncConnection, operation_id: UUID) -> Mapping[str, Any]:
    """What was recorded with an operation; empty when there is none."""
    query = select(_op.operation_metadata).where(_op.operation_id == str(operation_id))
    return (await connection.execute(query)).scalar_one_or_none() or {}


async def find(connection: AsyncConnection, user_id: UUID, operation_id: str) -> Operation | None:
    """The seller's operation of that id; someone else's is None."""
    return await _first(connection, _of(user_id).where(_op.operation_id == operation_id))


async def newest_bulk(connection: AsyncConnection, user_id: UUID) -> Operation | None:
    """The seller's latest sync of the whole stock."""
    whole = _op.operation_type.in_(BULK_TYPES), ~_op.operation_metadata.has_key("blueprint_id")
    return await _first(connection, _newest(_of(user_id).where(*whole)))


async def list_for(
    connection: AsyncConnection,
    user_id: UUID,
    *,
    limit: int,
    types: Sequence[str] = (),
    states: Sequence[str] = (),
    since: datetime | None = None,
    after: Position | None = None,
) -> list[Operation]:
    """The seller's operations, newest first."""
    query = _newest(_of(user_id)).limit(limit)
    if types:
        query = query.where(_op.operation_type.in_(types))
    if states:
        query = query.where(_op.status.in_(states))
    if since is not None:
        query = query.where(_op.created_at >= since)
    if after is not None:
        query = query.where(older_than(_op.created_at, _op.id, after))
    return [_operation(row) for row in await connection.execute(query)]


async def open_bulk(connection: AsyncConnection, *, most: int) -> list[Operation]:
    """Syncs of whole stocks, of all sellers, that the rows hold for open; newest first."""
    whole = _op.operation_type.in_(BULK_TYPES), ~_op.operation_metadata.has_key("blueprint_id")
    query = _newest(select(sync_operations).where(_op.status.in_(OPEN), *whole)).limit(most)
    return [_operation(row) for row in await connection.execute(query)]


async def live_counts(connection: AsyncConnection, operation_id: str) -> Counts:
    """Sums over the chunks applied so far; zeros once staging is gone."""
    return (await live_counts_of(connection, [operation_id])).get(operation_id, Counts())


async def live_counts_of(connection: AsyncConnection, operation_ids: Sequence[str]) -> dict[str, Counts]:
    """The same of several operations; one without an applied chunk is absent."""
    names = ("created", "updated", "unchanged", "skipped", "contested", "failed")
    sums = [func.sum(_chunk[name]).label(name) for name in names]
    query = (
        select(_chunk.operation_id, func.count().label("processed_chunks"), func.sum(_chunk.rows).label("processed"))
        .add_columns(*sums)
        .where(_chunk.operation_id.in_(operation_ids), _chunk.applied_at.is_not(None))
        .group_by(_chunk.operation_id)
    )
    rows = (dict(row) for row in (await connection.execute(query)).mappings())
    return {row.pop("operation_id"): Counts(**row) for row in rows}


async def close(
    connection: AsyncConnection, operation_id: UUID, state: State, metadata: Mapping[str, object] | None = None
) -> bool:
    """End an open operation, adding `metadata` to its own. False when it was closed (or discarded) already."""
    statement = (
        update(sync_operations)
        .where(_op.operation_id == str(operation_id), _op.status.in_(OPEN))
        .values(
            status=state,
            completed_at=func.now(),
            operation_metadata=_op.operation_metadata.concat(literal(dict(metadata or {}), JSONB)),
        )
    )
    return (await connection.execute(statement)).rowcount == 1


async def discard(connection: AsyncConnection, operation_id: UUID) -> None:
    """Delete an operation that was never published and never started."""
    await connection.execute(delete(sync_operations).where(_op.operation_id == str(operation_id)))


def _of(user_id: UUID) -> Select[Any]:
    return select(sync_operations).where(_op.user_id == user_id)


def _newest(query: Select[Any]) -> Select[Any]:
    return query.order_by(_op.created_at.desc(), _op.id.desc())


async def _first(connection: AsyncConnection, query: Select[Any]) -> Operation | None:
    row = (await connection.execute(query.limit(1))).first()
    return None if row is None else _operation(row)


def _operation(row: Row[Any]) -> Operation:
    return Operation(
        id=row.id,
        user_id=row.user_id,
        operation_id=row.operation_id,
        operation_type=row.operation_type,
        state=cast("State", row.status),
        story=msgspec.convert(row.operation_metadata, Projection),
        created_at=row.created_at,
        completed_at=row.completed_at,
    )
