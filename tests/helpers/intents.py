"""Listings and their recorded changes, for tests of intents."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from db.cards import intents, plans
from db.cards.intents import NewListing, Recorded, Versions
from domain.cards.edits import Wish
from tests.helpers.stock import Stock


async def edit(stock: Stock, item_id: int, versions: Versions = None, **fields: Any) -> Recorded:
    """Record an edit."""
    async with stock.database.begin() as connection:
        return await intents.edit(
            connection, stock.user_id, item_id, Wish(**fields), versions=versions, operation_id=uuid4()
        )


async def remove(stock: Stock, item_id: int, versions: Versions = None) -> Recorded:
    """Record a deletion."""
    async with stock.database.begin() as connection:
        return await intents.remove(connection, stock.user_id, item_id, versions=versions, operation_id=uuid4())


async def put_on_sale(stock: Stock, *listings: NewListing, operation_id: UUID, fingerprint: str = "f") -> bool:
    """Record new listings."""
    async with stock.database.begin() as connection:
        return await intents.put_on_sale(connection, stock.user_id, operation_id, listings, fingerprint=fingerprint)


async def hold(stock: Stock) -> int:
    """What whoever takes changes does first."""
    async with stock.database.begin() as connection:
        return await plans.hold(connection, stock.user_id)


async def changes(stock: Stock) -> list[dict[str, Any]]:
    """All changes of the seller, in their order."""
    query = text("SELECT * FROM item_changes WHERE user_id = :user ORDER BY id")
    async with stock.database.begin() as connection:
        return [dict(row) for row in (await connection.execute(query, {"user": stock.user_id})).mappings()]


async def states(stock: Stock) -> list[str]:
    """States of all changes."""
    return [change["state"] for change in await changes(stock)]


async def run(stock: Stock, statement: str, **values: Any) -> None:
    """A statement of the test's own, with `:user` bound."""
    async with stock.database.begin() as connection:
        await connection.execute(text(statement), {"user": stock.user_id, **values})


async def item(stock: Stock, item_id: int) -> dict[str, Any]:
    """One stock row."""
    query = text("SELECT * FROM user_inventory_items WHERE id = :id")
    async with stock.database.begin() as connection:
        return dict((await connection.execute(query, {"id": item_id})).mappings().one())
