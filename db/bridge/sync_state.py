"""The watermark of each entity and source: up to where incremental fetches have read (`erp_sync_state`)."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.record_state import Scope
from db.bridge.tables import erp_sync_state

_state = erp_sync_state.c


async def watermark(connection: AsyncConnection, scope: Scope) -> str | None:
    """None before the first sync, and where rows have no rowversion."""
    query = select(_state.last_sync_rowversion).where(
        _state.entity_name == scope.entity_name, _state.source_system == scope.source_system
    )
    return await connection.scalar(query)


async def note(connection: AsyncConnection, scope: Scope, batch_uid: UUID, watermark: str | None) -> None:
    """Move it, or leave it and note the batch: the caller gives what holds from now on."""
    moved = {
        "last_sync_rowversion": watermark,
        "last_sync_timestamp": func.now(),
        "last_batch_uid": batch_uid,
        "updated_at": func.now(),
    }
    row = insert(erp_sync_state).values(entity_name=scope.entity_name, source_system=scope.source_system, **moved)
    await connection.execute(row.on_conflict_do_update(index_elements=["entity_name", "source_system"], set_=moved))
