"""How a purchase begins: copies are checked and held back in one transaction, under the lock of their row.

ReservationError
├── ItemUnknown        no such row on sale by this seller
├── ItemUnlisted       the row has no product on CardTrader
├── SellerSuspended    nothing may be asked of CardTrader for this seller
├── TooFewCopies       says how many are `available`
└── KeyTaken           another request with this key was faster
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import operations
from db.cards.intent_tables import purchases
from db.cards.purchases import COLUMNS, Purchase, purchase_of
from db.cards.tables import user_inventory_items, user_sync_settings

_item = user_inventory_items.c


class ReservationError(Exception):
    """Nothing was reserved."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.getdoc(type(self)))


class ItemUnknown(ReservationError):
    """There is no such item on sale."""


class ItemUnlisted(ReservationError):
    """The item is not listed on CardTrader."""


class SellerSuspended(ReservationError):
    """The seller's account is suspended."""


class TooFewCopies(ReservationError):
    """Fewer copies are available than were asked for."""

    def __init__(self, available: int) -> None:
        super().__init__()
        self.available = available


class KeyTaken(ReservationError):
    """The idempotency key was used by a request that was faster."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a buyer asks for."""

    user_id: UUID
    item_id: int
    quantity: int
    idempotency_key: str


async def reserve(connection: AsyncConnection, wanted: Wanted, operation_id: UUID) -> Purchase:
    """Hold copies back for a purchase. Check and reservation are one transaction under the row's lock.

    Raises:
        ReservationError: why nothing was reserved; the transaction must not be committed then.
    """
    item = await _lock(connection, wanted)
    values = {
        "user_id": wanted.user_id,
        "operation_id": str(operation_id),
        "idempotency_key": wanted.idempotency_key,
        "item_id": item.id,
        "blueprint_id": item.blueprint_id,
        "product_id": int(item.external_stock_id),
        "quantity": wanted.quantity,
        "local_before": item.quantity,
    }
    story = {"item_id": item.id, "quantity": wanted.quantity}
    await operations.register(connection, wanted.user_id, operation_id, "purchase", story)
    fresh = insert(purchases).values(values).on_conflict_do_nothing(constraint="uq_purchases_key")
    row = (await connection.execute(fresh.returning(*COLUMNS))).one_or_none()
    if row is None:
        raise KeyTaken
    # Not a new version of the item: what an editor saw of it is still true.
    held = update(user_inventory_items).where(_item.id == item.id)
    await connection.execute(held.values(reserved_quantity=_item.reserved_quantity + wanted.quantity))
    return purchase_of(row)


async def _lock(connection: AsyncConnection, wanted: Wanted) -> Row[Any]:
    """The item, locked, with copies enough. The item first, then the seller: so do syncs."""
    query = (
        select(_item.id, _item.blueprint_id, _item.external_stock_id, _item.quantity, _item.reserved_quantity)
        .where(_item.id == wanted.item_id, _item.user_id == wanted.user_id, _item.deleted_at.is_(None))
        .with_for_update()
    )
    item = (await connection.execute(query)).one_or_none()
    if item is None:
        raise ItemUnknown
    if not (item.external_stock_id or "").isdecimal():
        raise ItemUnlisted
    # Whoever suspends the account afterwards sees the purchase; whoever did before is seen here.
    suspended = select(user_sync_settings.c.suspended_at).where(user_sync_settings.c.user_id == wanted.user_id)
    if (await connection.execute(suspended.with_for_update(read=True))).scalar_one() is not None:
        raise SellerSuspended
    if (available := max(item.quantity - item.reserved_quantity, 0)) < wanted.quantity:
        raise TooFewCopies(available)
    return item
