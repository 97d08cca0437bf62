"""What waits in `bridge`."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from db.backlog import Backlog, read, waiting
from db.bridge.batch_tables import sync_batches
from db.bridge.state_tables import pending_children
from db.failed_tables import failed_records

_QUEUES: Final = (
    waiting("batches", sync_batches, "status IN ('pending', 'running')", since=sync_batches.c.created_at),
    waiting("pending_children", pending_children, "resolved_at IS NULL", since=pending_children.c.created_at),
    waiting(
        "dead_letters",
        failed_records,
        "context = 'bridge' AND resolved_at IS NULL",
        since=failed_records.c.created_at,
    ),
)


async def backlog(connection: AsyncConnection) -> list[Backlog]:
    """Batches under way, children without their parents, dead letters."""
    return await read(connection, _QUEUES)
