"""Which accounts a sweep visits, and how many syncs it has running."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import sync_operations, user_sync_settings

_settings = user_sync_settings.c
_op = sync_operations.c


def _visited() -> ColumnElement[bool]:
    """Synchronised before, and neither in error nor suspended.

    `initial_sync` with an earlier success is a sync that runs, or one whose workflow was ended from outside: the
    workflow id tells them apart when the sweep starts another.
    """
    known = (_settings.sync_status == "initial_sync") & _settings.last_sync_at.is_not(None)
    return or_(_settings.sync_status == "active", known) & _settings.suspended_at.is_(None)


async def count(connection: AsyncConnection) -> int:
    """How many accounts a sweep visits."""
    return (await connection.execute(select(func.count()).where(_visited()))).scalar_one()


async def page(connection: AsyncConnection, *, after: UUID | None, limit: int) -> list[UUID]:
    """The next accounts, by rising id."""
    query = select(_settings.user_id).where(_visited()).order_by(_settings.user_id).limit(limit)
    if after is not None:
        query = query.where(_settings.user_id > after)
    return list(await connection.scalars(query))


async def running(connection: AsyncConnection, age: timedelta) -> int:
    """Periodic syncs that have not ended; older ones were ended from outside, and nobody told."""
    query = select(func.count()).where(
        _op.operation_type == "periodic_sync",
        _op.status.in_(("pending", "running")),
        ~_op.operation_metadata.has_key("blueprint_id"),
        _op.created_at > func.now() - age,
    )
    return (await connection.execute(query)).scalar_one()
