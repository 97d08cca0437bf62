"""The shop's items: listing, naming, and moving stock by itself.

A movement is one statement: the item is locked and changed, and the row that central will hear of is written, or
neither. Ids of changes are drawn while the item is locked, so their order is the order of the movements.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.store.tables import store_changes, store_inventory, stores
from domain.store.stock import Shelf
from domain.store.vocabulary import Strategy

_item, _change = store_inventory.c, store_changes.c


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a shop, as it is shown."""

    id: int
    sku: str
    name: str
    quantity: int
    version: int
    central_version: int | None
    central_quantity: int | None
    updated_at: datetime
    last_synced_at: datetime | None


_SHOWN: Final = [_item[name] for name in Item.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Movement:
    """What a caller wants. `version`: central's, as the caller knows it; `expected`: local versions, None is any."""

    store_id: str
    sku: str
    delta: int
    operation_id: UUID
    version: int | None = None
    expected: Set[int] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A movement that was made. `answer` is the row as the first caller was told of it."""

    sku: str
    delta: int
    asked_version: int | None
    answer: dict[str, Any]


class OperationKnown(Exception):
    """A movement of this operation id was made before."""


_MOVE: Final = text(
    """
    WITH moved AS (
        UPDATE store_inventory SET quantity = quantity + :delta, version = version + 1, updated_at = now()
        WHERE store_id = :store_id AND sku = :sku AND (:delta > 0 OR quantity + :delta >= 0)
          AND (:expected IS NULL OR version = ANY(:expected))
        RETURNING id, sku, name, quantity, version, central_version, central_quantity, updated_at, last_synced_at
    )
    INSERT INTO store_changes
        (store_id, item_id, operation_id, delta, local_version, asked_version, base_central_version, answer)
    SELECT :store_id, id, :operation_id, :delta, version, :version, coalesce(:version, central_version, 0),
        to_jsonb(moved)
    FROM moved RETURNING answer
    """
).bindparams(
    bindparam("delta", type_=BigInteger),
    bindparam("version", type_=BigInteger),
    bindparam("expected", type_=ARRAY(BigInteger)),
    bindparam("operation_id", type_=_change.operation_id.type),
    bindparam("store_id", type_=_item.store_id.type),
    bindparam("sku", type_=_item.sku.type),
)
_MOVE_TYPED: Final = _MOVE.columns(answer=_change.answer.type)


async def move(connection: AsyncConnection, movement: Movement) -> dict[str, Any] | None:
    """Make the movement; the answer, or None when a rule of `domain.store.stock.refusal` forbids it.

    Raises:
        OperationKnown: the id was used before; the transaction is lost with it.
    """
    values = {
        "store_id": movement.store_id,
        "sku": movement.sku,
        "delta": movement.delta,
        "operation_id": movement.operation_id,
        "version": movement.version,
        "expected": None if movement.expected is None else sorted(movement.expected),
    }
    try:
        answer: dict[str, Any] | None = (await connection.execute(_MOVE_TYPED, values)).scalar_one_or_none()
    except IntegrityError:
        raise OperationKnown from None
    return answer


async def made(connection: AsyncConnection, store_id: str, operation_id: UUID) -> Made | None:
    """The movement of an operation; None when there is none."""
    query = (
        select(_item.sku, _change.delta, _change.asked_version, _change.answer)
        .join_from(store_changes, store_inventory, _item.id == _change.item_id)
        .where(_change.store_id == store_id, _change.operation_id == operation_id, _change.kind == "local")
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Made(**row)


async def shelf(connection: AsyncConnection, store_id: str, sku: str) -> Shelf | None:
    """What there is of an item."""
    query = select(_item.quantity, _item.version).where(_item.store_id == store_id, _item.sku == sku)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else Shelf(row.quantity, row.version)


async def find(connection: AsyncConnection, store_id: str, sku: str) -> Item | None:
    """One item."""
    query = select(*_SHOWN).where(_item.store_id == store_id, _item.sku == sku)
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else Item(**row)


async def page(connection: AsyncConnection, store_id: str, *, after: str | None, limit: int) -> list[Item]:
    """Items by SKU, from the one after `after` on."""
    query = select(*_SHOWN).where(_item.store_id == store_id).order_by(_item.sku).limit(limit)
    if after is not None:
        query = query.where(_item.sku > after)
    return [Item(**row) for row in (await connection.execute(query)).mappings()]


async def put(connection: AsyncConnection, store_id: str, sku: str, name: str) -> bool:
    """Create an item without stock, or rename it; whether it is new. Central is asked what it has of a new one."""
    await register(connection, store_id)
    fresh = insert(store_inventory).values(store_id=store_id, sku=sku, name=name)
    named = fresh.on_conflict_do_update(
        constraint="uq_store_inventory_sku", set_={"name": fresh.excluded.name, "updated_at": func.now()}
    )
    # xmax is 0 only in a row that no statement has updated.
    return bool((await connection.execute(named.returning(text("xmax = 0")))).scalar_one())


async def register(connection: AsyncConnection, store_id: str) -> None:
    """Make sure that the shop is known."""
    await connection.execute(insert(stores).values(store_id=store_id).on_conflict_do_nothing())


async def strategy(connection: AsyncConnection, store_id: str) -> Strategy:
    """How the shop has conflicts resolved."""
    found: Strategy | None = (
        await connection.execute(select(stores.c.strategy).where(stores.c.store_id == store_id))
    ).scalar_one_or_none()
    return found or "rebase"


async def choose_strategy(connection: AsyncConnection, store_id: str, chosen: Strategy) -> None:
    """Have the shop's conflicts resolved in this way from now on."""
    await register(connection, store_id)
    await connection.execute(
        update(stores).where(stores.c.store_id == store_id).values(strategy=literal(chosen, stores.c.strategy.type))
    )
