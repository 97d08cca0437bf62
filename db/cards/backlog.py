"""What waits in `cards`."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from db.backlog import Backlog, read, waiting
from db.cards.intent_tables import item_changes, purchases
from db.cards.tables import sync_operations, user_sync_settings, webhook_inbox
from db.failed_tables import failed_records

_CHANGED: Final = item_changes.c.created_at
# Edits are operations too, and may wait for a person.
_SYNCS: Final = "status IN ('pending', 'running') AND operation_type IN ('bulk_sync', 'periodic_sync')"
_QUEUES: Final = (
    waiting(
        "webhook_inbox",
        webhook_inbox,
        "processed_at IS NULL",
        since=webhook_inbox.c.received_at,
        oldest_first=True,
    ),
    waiting("changes", item_changes, "ended_at IS NULL AND state <> 'held'", since=_CHANGED),
    waiting("changes_held", item_changes, "ended_at IS NULL AND state = 'held'", since=_CHANGED),
    waiting("purchases", purchases, "ended_at IS NULL", since=purchases.c.created_at, oldest_first=True),
    waiting("syncs", sync_operations, _SYNCS, since=sync_operations.c.created_at),
    waiting("accounts_in_error", user_sync_settings, "sync_status = 'error'", since=user_sync_settings.c.updated_at),
    waiting(
        "dead_letters",
        failed_records,
        "context = 'cards' AND resolved_at IS NULL",
        since=failed_records.c.created_at,
    ),
)


async def backlog(connection: AsyncConnection) -> list[Backlog]:
    """Webhooks, changes, those that wait for a person, purchases, syncs, sellers in error, dead letters."""
    return await read(connection, _QUEUES)
