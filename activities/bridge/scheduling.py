"""Brings the Temporal Schedules of the nights and of entities to what the rows say, when a worker starts.

The facade keeps them in step; here is made good what it could not finish.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.client import Client

from db.bridge import background, entities
from db.session import Database
from workflows.bridge.contracts import background_schedule_id
from workflows.bridge.schedules import (
    BACKGROUND_PREFIX,
    CHILDREN,
    STOPPED,
    background_schedule,
    entity_schedule,
    entity_schedule_id,
)
from workflows.schedules import reconcile_schedules

# A schedule is made after its row, and by another process.
_GRACE: Final = timedelta(minutes=1)
_log = structlog.get_logger(__name__)


async def keep_background_schedules(client: Client, database_url: str) -> None:
    """Create what is missing, renew what is there, delete what has no row. Raises RPC errors."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    try:
        async with database.begin() as connection:
            rows, crons = await background.every(connection), await entities.scheduled(connection)
    except (SQLAlchemyError, OSError) as error:
        # They stay as they are: a worker serves others too, and the next start makes good.
        _log.warning("schedules.unread", reason=type(error).__name__)
        return
    finally:
        await database.close()
    stopped = (await client.get_schedule_handle(CHILDREN).describe()).schedule.state.paused
    wanted = {
        background_schedule_id(row.uid): background_schedule(
            row.uid, row.entity_name, row.window, held=row.held or (STOPPED if stopped else None)
        )
        for row in rows
    }
    wanted |= {
        entity_schedule_id(entity.uid): entity_schedule(
            entity.uid, entity.entity_name, entity.cron, held=entity.held or (STOPPED if stopped else None)
        )
        for entity in crons
    }
    await reconcile_schedules(client, wanted, prefix=BACKGROUND_PREFIX, grace=_GRACE)
