"""What waits in `store`."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from db.backlog import Backlog, read, waiting
from db.store.tables import store_changes

_OPEN: Final = "completed_at IS NULL AND status NOT IN ('conflict', 'failed')"
_FOR_PEOPLE: Final = "completed_at IS NULL AND status IN ('conflict', 'failed')"
_QUEUES: Final = (
    waiting("movements", store_changes, _OPEN, since=store_changes.c.created_at),
    waiting("movements_for_people", store_changes, _FOR_PEOPLE, since=store_changes.c.created_at),
)


async def backlog(connection: AsyncConnection) -> list[Backlog]:
    """Movements that central does not have, and those of them that wait for a person."""
    return await read(connection, _QUEUES)
