"""Tells a seller's webhooks how a bulk sync goes, in the transaction that makes it so.

The seller is an organisation of his own, named by his id. A dry run is no sync, and tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import lifecycle
from db.marketplace import outbox
from domain.marketplace.events import Event, EventName
from workflows.cards.contracts import Counters, SyncResult


async def announce_start(connection: AsyncConnection, user_id: UUID, operation_id: UUID) -> None:
    """It has begun; told once, however often it begins."""
    current = await lifecycle.operation(connection, operation_id)
    if current is not None:
        await _announce(connection, "sync.started", user_id, operation_id, current.operation_metadata, {})


async def announce_result(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, metadata: Mapping[str, object], result: SyncResult
) -> None:
    """It has brought the stock up to date."""
    totals = result.totals
    data = {"status": result.status, **_counted(totals), "stale": result.stale, "removed": result.removed}
    await _announce(connection, "sync.completed", user_id, operation_id, metadata, data)


async def announce_failure(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, metadata: Mapping[str, object], code: str
) -> None:
    """It has ended without success; `code` says why."""
    await _announce(connection, "sync.failed", user_id, operation_id, metadata, {"code": code})


async def _announce(
    connection: AsyncConnection,
    name: EventName,
    user_id: UUID,
    operation_id: UUID,
    metadata: Mapping[str, object],
    data: Mapping[str, str | int | None],
) -> None:
    if metadata.get("dry_run"):
        return
    told = {"source": "cards", "operationId": str(operation_id), **data}
    await outbox.record(connection, Event(name, str(user_id), f"cards:{operation_id}:{name}", told))


def _counted(totals: Counters) -> dict[str, int]:
    return {
        "processedCount": totals.rows,
        "createdCount": totals.created,
        "updatedCount": totals.updated,
        "unchangedCount": totals.unchanged,
        "failedCount": totals.failed,
    }
