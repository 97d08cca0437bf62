"""Beginning and end of a bulk sync: the operation row, the seller's status, and what the export lacked.

Every function is one step inside the caller's transaction and may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import export_chunks, sync_operations, user_inventory_items, user_sync_settings

BULK_TYPES = ("bulk_sync", "periodic_sync")


async def now(connection: AsyncConnection) -> datetime:
    """The database's clock, the one `changed_at` is written by."""
    result: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return result


async def operation(
    connection: AsyncConnection, operation_id: UUID, *, lock: bool = False
) -> Row[tuple[str, dict[str, object]]] | None:
    """Status and metadata of an operation."""
    columns = sync_operations.c
    query = select(columns.status, columns.operation_metadata).where(columns.operation_id == str(operation_id))
    return (await connection.execute(query.with_for_update() if lock else query)).one_or_none()


async def still_open(connection: AsyncConnection, operation_ids: Collection[UUID]) -> set[UUID]:
    """Which of these operations have not ended."""
    columns = sync_operations.c
    query = select(columns.operation_id).where(
        columns.operation_id.in_([str(operation_id) for operation_id in operation_ids]),
        columns.status.in_(("pending", "running")),
    )
    return {UUID(found) for found in await connection.scalars(query)}


ORPHANED: Final = "SYNC_INTERRUPTED"
Orphans = Mapping[UUID, Mapping[str, object]]
"""Bulk syncs that were closed because nothing drives them: their metadata by operation."""


async def begin(connection: AsyncConnection, user_id: UUID, operation_id: UUID) -> Orphans | None:
    """Mark the operation running and the seller in `initial_sync` (not in a dry run); None when it has ended already.

    Single flight is the workflow id's: any other bulk sync still open here lost its workflow and is closed.
    What others left staged is dropped.
    """
    current = await operation(connection, operation_id, lock=True)
    if current is None or current.status not in ("pending", "running"):
        return None
    orphans = await _close_orphans(connection, user_id, operation_id)
    started: dict[str, object] = {"phase": "downloading", "started_at": (await now(connection)).isoformat()}
    metadata = current.operation_metadata
    if current.status == "pending":
        started |= await _reporting(connection, user_id, metadata)
        await note(connection, operation_id, started, status="running")
    if not metadata.get("dry_run"):
        await connection.execute(
            update(user_sync_settings)
            .where(user_sync_settings.c.user_id == user_id)
            .values(sync_status="initial_sync", last_error=None, updated_at=func.now())
        )
    return orphans


async def _reporting(connection: AsyncConnection, user_id: UUID, metadata: Mapping[str, object]) -> dict[str, bool]:
    """A reconciliation reports drift; all of a first sync would be drift, and says nothing."""
    if metadata.get("mode") != "periodic_sync":
        return {}
    synced = await was_synced(connection, user_id)
    return {"reports": synced or bool(metadata.get("dry_run"))}


async def was_synced(connection: AsyncConnection, user_id: UUID) -> bool:
    """Whether a sync of the seller's whole stock has ever succeeded."""
    columns = user_sync_settings.c
    query = select(columns.last_sync_at.is_not(None)).where(columns.user_id == user_id)
    return bool((await connection.execute(query)).scalar())


async def _close_orphans(connection: AsyncConnection, user_id: UUID, operation_id: UUID) -> Orphans:
    error = {"code": ORPHANED, "message": "The sync was ended from outside before it could finish."}
    columns = sync_operations.c
    closed = await connection.execute(
        update(sync_operations)
        .where(columns.user_id == user_id, columns.operation_id != str(operation_id))
        .where(columns.operation_type.in_(BULK_TYPES), columns.status.in_(("pending", "running")))
        .where(~columns.operation_metadata.has_key("blueprint_id"))
        .values(
            status="failed",
            completed_at=func.now(),
            operation_metadata=columns.operation_metadata.op("||")(_json({"phase": "done", "error": error})),
        )
        .returning(columns.operation_id, columns.operation_metadata)
    )
    orphans = {UUID(row.operation_id): row.operation_metadata for row in closed}
    # Whoever closed them, here or elsewhere, may have left their staging.
    others = select(columns.operation_id).where(columns.user_id == user_id, columns.operation_id != str(operation_id))
    leftovers = export_chunks.c.operation_id.in_(others.where(columns.operation_type.in_(BULK_TYPES)))
    await connection.execute(delete(export_chunks).where(leftovers))
    return orphans


def _json(values: Mapping[str, object]) -> object:
    return text("cast(:patch AS jsonb)").bindparams(patch=json.dumps(values))


async def note(
    connection: AsyncConnection, operation_id: UUID, values: Mapping[str, object], *, status: str | None = None
) -> None:
    """Merge `values` into the operation's metadata, and set its status when given."""
    changes: dict[str, object] = {"operation_metadata": sync_operations.c.operation_metadata.op("||")(_json(values))}
    if status is not None:
        changes["status"] = status
    if status not in (None, "pending", "running"):
        changes["completed_at"] = func.now()
    await connection.execute(
        update(sync_operations).where(sync_operations.c.operation_id == str(operation_id)).values(changes)
    )


async def leave_active(connection: AsyncConnection, user_id: UUID, *, remark: str) -> None:
    """The seller's status after a reconciliation that could not be done: the stock is as good as it was."""
    changes = {"sync_status": "active", "last_error": remark, "updated_at": func.now()}
    await connection.execute(update(user_sync_settings).where(user_sync_settings.c.user_id == user_id).values(changes))


async def close_account(connection: AsyncConnection, user_id: UUID, *, error: str | None, synced: bool) -> None:
    """The seller's status after a sync: `active`, or `error` with the sentence to show."""
    changes: dict[str, object] = {
        "sync_status": "active" if synced else "error",
        "last_error": error,
        "updated_at": func.now(),
    }
    if synced:
        changes["last_sync_at"] = func.now()
    await connection.execute(update(user_sync_settings).where(user_sync_settings.c.user_id == user_id).values(changes))


async def listed_rows(connection: AsyncConnection, user_id: UUID) -> int:
    """How many rows CardTrader listed at the last complete export: the baseline of the shrink guard."""
    items = user_inventory_items.c
    query = select(func.count()).where(
        items.user_id == user_id, items.external_stock_id.is_not(None), items.stale_since.is_(None)
    )
    result: int = (await connection.execute(query)).scalar_one()
    return result


async def held_before(connection: AsyncConnection, user_id: UUID, operation_id: UUID) -> int:
    """Rows the seller's previous finished sync held back, or 0; what changed nothing held nothing."""
    columns = sync_operations.c
    query = (
        select(columns.operation_metadata["held"].as_integer())
        .where(columns.user_id == user_id, columns.operation_id != str(operation_id))
        .where(columns.operation_type.in_(BULK_TYPES))
        .where(columns.status.in_(("completed", "completed_with_errors")))
        .where(~columns.operation_metadata.has_key("blueprint_id"))
        .where(columns.operation_metadata["dry_run"].astext.is_distinct_from("true"))
        .order_by(columns.id.desc())
        .limit(1)
    )
    return (await connection.execute(query)).scalar() or 0
