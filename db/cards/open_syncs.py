"""Syncs that our books hold for open, so that somebody can look whether anything still drives them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.operations import BULK_TYPES
from db.cards.tables import sync_operations
from domain.cards.progress import OPEN

_op = sync_operations.c


@dataclass(frozen=True, slots=True)
class OpenSync:
    """A sync of the whole stock or, where it names one, of a blueprint."""

    user_id: UUID
    operation_id: UUID
    blueprint_id: int | None


async def older_than(connection: AsyncConnection, age: timedelta, *, most: int) -> list[OpenSync]:
    """Open syncs registered longer than `age` ago, the oldest first."""
    query = (
        select(_op.user_id, _op.operation_id, _op.operation_metadata["blueprint_id"].as_integer())
        .where(_op.operation_type.in_(BULK_TYPES), _op.status.in_(OPEN), _op.created_at < func.now() - age)
        .order_by(_op.created_at)
        .limit(most)
    )
    return [
        OpenSync(user, UUID(operation), blueprint) for user, operation, blueprint in await connection.execute(query)
    ]
