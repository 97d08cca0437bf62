"""What waits in `marketplace`."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from db.backlog import Backlog, read, waiting
from db.marketplace.tables import callback_deliveries, callback_outbox, sync_logs

_QUEUES: Final = (
    waiting("outbox", callback_outbox, "dispatched_at IS NULL", since=callback_outbox.c.created_at, oldest_first=True),
    waiting("deliveries", callback_deliveries, "state = 'waiting'", since=callback_deliveries.c.waiting_since),
    waiting("deliveries_held", callback_deliveries, "state = 'held'", since=callback_deliveries.c.waiting_since),
    waiting("receipts", sync_logs, "next_retry_at IS NOT NULL", since=sync_logs.c.created_at),
)


async def backlog(connection: AsyncConnection) -> list[Backlog]:
    """Events nobody was started for, call-backs that wait, those of endpoints at rest, receipts to import."""
    return await read(connection, _QUEUES)
