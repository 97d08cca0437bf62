"""All sellers at once, in numbers: what an operator looks at. Every figure is read from an index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.intent_tables import item_changes, purchases
from db.cards.tables import user_sync_settings, webhook_inbox
from db.failed_tables import failed_records


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows that wait, and how long the oldest has waited (None: none waits)."""

    waiting: int
    oldest: timedelta | None


async def accounts(connection: AsyncConnection) -> Mapping[str, int]:
    """How many accounts are in each status; a status of none is absent."""
    status = user_sync_settings.c.sync_status
    return await _grouped(connection, select(status, func.count()).group_by(status))


async def open_letters(connection: AsyncConnection) -> Mapping[str, int]:
    """Dead letters nobody has settled, by context."""
    letter = failed_records.c
    query = select(letter.context, func.count()).where(letter.resolved_at.is_(None)).group_by(letter.context)
    return await _grouped(connection, query)


async def webhooks(connection: AsyncConnection) -> Queue:
    """Events that were received and not processed."""
    inbox = webhook_inbox.c
    return await _queue(connection, inbox.received_at, inbox.processed_at)


async def changes(connection: AsyncConnection) -> Queue:
    """Edits, deletions and new listings that have not ended, those held by a plan included."""
    return await _queue(connection, item_changes.c.created_at, item_changes.c.ended_at)


async def buying(connection: AsyncConnection) -> Queue:
    """Purchases that have not ended."""
    return await _queue(connection, purchases.c.created_at, purchases.c.ended_at)


async def _grouped(connection: AsyncConnection, query: Select[Any]) -> Mapping[str, int]:
    return {row[0]: row[1] for row in await connection.execute(query)}


async def _queue(connection: AsyncConnection, since: Any, ended: Any) -> Queue:
    query = select(func.count(), func.now() - func.min(since)).where(ended.is_(None))
    return Queue(*(await connection.execute(query)).one())
