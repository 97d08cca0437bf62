"""What people and Prometheus see of a shop's queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.store.tables import store_changes, store_inventory, stores
from domain.store.vocabulary import Kind, Status

_item, _change, _store = store_inventory.c, store_changes.c, stores.c


@dataclass(frozen=True, slots=True)
class Operation:
    """One movement, and how it stands towards central."""

    id: int
    operation_id: UUID
    sku: str
    kind: Kind
    delta: int
    local_version: int
    base_central_version: int
    sent_version: int | None
    status: Status
    attempts: int
    error: str | None
    compensates: UUID | None
    next_attempt_at: datetime | None
    created_at: datetime
    completed_at: datetime | None


_SHOWN: Final = [
    _item.sku if name == "sku" else _change[name] for name in Operation.__dataclass_fields__
]  # fmt: skip


def _operations(store_id: str) -> Select[Any]:
    joined = select(*_SHOWN).join_from(store_changes, store_inventory, _item.id == _change.item_id)
    return joined.where(_change.store_id == store_id)


async def operation(connection: AsyncConnection, store_id: str, operation_id: UUID) -> Operation | None:
    """One movement of the shop."""
    query = _operations(store_id).where(_change.operation_id == operation_id)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Operation(**row)


async def compensation(connection: AsyncConnection, store_id: str, operation_id: UUID) -> UUID | None:
    """The row that takes a movement back."""
    query = (
        select(_change.operation_id)
        .join_from(store_changes, store_inventory, _item.id == _change.item_id)
        .where(_change.store_id == store_id, _change.compensates == operation_id)
        .where(_change.item_id == _item_of(store_id, operation_id))
    )
    found: UUID | None = (await connection.execute(query)).scalar_one_or_none()
    return found


def _item_of(store_id: str, operation_id: UUID) -> Any:
    """So that the search is a range of the item's index."""
    named = select(_change.item_id).where(_change.store_id == store_id, _change.operation_id == operation_id)
    return named.scalar_subquery()


async def of_item(
    connection: AsyncConnection, store_id: str, item_id: int, *, before: int | None, limit: int
) -> list[Operation]:
    """An item's movements, newest first."""
    return await _newest(connection, _operations(store_id).where(_change.item_id == item_id), before, limit)


async def in_trouble(connection: AsyncConnection, store_id: str, *, before: int | None, limit: int) -> list[Operation]:
    """Conflicts and failures, newest first: those that wait for a person, and those that a rule or a person ended."""
    query = _operations(store_id).where(_change.status.in_(("conflict", "failed")))
    return await _newest(connection, query, before, limit)


async def _newest(connection: AsyncConnection, query: Select[Any], before: int | None, limit: int) -> list[Operation]:
    if before is not None:
        query = query.where(_change.id < before)
    rows = await connection.execute(query.order_by(_change.id.desc()).limit(limit))
    return [Operation(**row) for row in rows.mappings()]


@dataclass(frozen=True, slots=True)
class Depth:
    """The queue of all shops. `oldest`: how long the oldest movement that nobody decides has been waiting."""

    waiting: int
    for_people: int
    oldest: timedelta | None


async def depth(connection: AsyncConnection) -> Depth:
    """How much central does not have yet."""
    is_open = _change.completed_at.is_(None)
    helpless = _change.status.in_(("conflict", "failed"))
    query = select(
        func.count().filter(~helpless).label("waiting"),
        func.count().filter(helpless).label("for_people"),
        (func.now() - func.min(_change.created_at).filter(~helpless)).label("oldest"),
    ).where(is_open)
    row = (await connection.execute(query)).one()
    return Depth(row.waiting, row.for_people, row.oldest)


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all shops since ever."""

    attempts: int
    pushed: int
    conflicts: int
    failures: int
    passes: int
    pass_seconds: float
    responses: int
    response_seconds: float
    items: int


async def totals(connection: AsyncConnection) -> Totals:
    """What passes have come to, and how many items there are."""
    names = [name for name in Totals.__dataclass_fields__ if name != "items"]
    items = select(func.count()).select_from(store_inventory).scalar_subquery().label("items")
    query = select(*(func.coalesce(func.sum(_store[name]), 0).label(name) for name in names), items)
    row = (await connection.execute(query)).mappings().one()
    return Totals(**{name: row[name] for name in Totals.__dataclass_fields__})
