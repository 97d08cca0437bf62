"""An item on sale here and on a fake CardTrader, and what a purchase left of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from db.cards import purchases
from db.cards.purchases import Purchase
from tests.helpers.buying import Checkout, Shelf
from tests.helpers.stock import Stock

ONE = 7
"""Product and blueprint of the item."""


async def stocked(
    stock: Stock, copies: int = 5, on_cardtrader: int | None = None, **columns: Any
) -> tuple[Checkout, int]:
    """A checkout, and the id of an item with so many copies."""
    item = await stock.add(ONE, quantity=copies, content_hash=1, **columns)
    shelf = Shelf({ONE: copies if on_cardtrader is None else on_cardtrader})
    return Checkout(stock, shelf, stock.database), item


async def row(stock: Stock) -> dict[str, Any]:
    """The item."""
    return (await stock.rows())[str(ONE)]


async def state_of(stock: Stock, operation_id: UUID) -> Purchase:
    """The purchase."""
    async with stock.database.begin() as connection:
        found = await purchases.find(connection, operation_id)
    assert found
    return found


async def rereads(stock: Stock) -> int:
    """How many are asked for."""
    return int(await stock.one("SELECT count(*) FROM webhook_inbox WHERE user_id = :user AND processed_at IS NULL"))


async def operation(stock: Stock, purchase: Purchase) -> tuple[str, dict[str, Any]]:
    """Status and metadata of the purchase's operation."""
    query = "SELECT {} FROM sync_operations WHERE operation_id = :id"
    named = {"id": str(purchase.operation_id)}
    return await stock.one(query.format("status"), **named), await stock.one(
        query.format("operation_metadata"), **named
    )
