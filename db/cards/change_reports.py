"""What became of an operation's changes, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.intent_tables import item_changes

MOST_SHOWN: Final = 100

_change = item_changes.c


@dataclass(frozen=True, slots=True)
class Unmade:
    """A change that was not made, and why: a code and a sentence. `position`: among the operation's changes, from 0."""

    position: int
    action: str
    item_id: int | None
    blueprint_id: int
    external_stock_id: str | None
    code: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Report:
    """Changes by state, and the first hundred that were not made."""

    states: Mapping[str, int]
    unmade: tuple[Unmade, ...]


async def count_open(connection: AsyncConnection, user_id: UUID) -> int:
    """The seller's changes that have not ended."""
    query = select(func.count()).where(_change.user_id == user_id, _change.ended_at.is_(None))
    return (await connection.execute(query)).scalar_one()


async def report(connection: AsyncConnection, operation_id: str) -> Report | None:
    """None for an operation without changes."""
    counted = select(_change.state, func.count()).where(_change.operation_id == operation_id).group_by(_change.state)
    states: dict[str, int] = {row[0]: row[1] for row in await connection.execute(counted)}
    return Report(states, await _unmade(connection, operation_id)) if states else None


async def _unmade(connection: AsyncConnection, operation_id: str) -> tuple[Unmade, ...]:
    numbered = (
        select(item_changes, (func.row_number().over(order_by=_change.id) - 1).label("position"))
        .where(_change.operation_id == operation_id)
        .subquery()
    )
    query = (
        select(numbered).where(numbered.c.state.in_(("failed", "cancelled"))).order_by(numbered.c.id).limit(MOST_SHOWN)
    )
    return tuple(
        Unmade(
            position=row.position,
            action=row.action,
            item_id=row.item_id,
            blueprint_id=row.blueprint_id,
            external_stock_id=None if row.product_id is None else str(row.product_id),
            code=row.reason,
            message=row.detail,
        )
        for row in await connection.execute(query)
    )
