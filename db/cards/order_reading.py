"""How far a seller's orders were read, and which of their sales were counted already."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import user_sync_settings

_settings = user_sync_settings.c

_COUNTED = text("""
    SELECT order_id, order_item_id FROM order_lines
    WHERE user_id = :user_id AND order_id = ANY (cast(:orders AS bigint[])) AND decrement_applied
""")
_QUANTITIES = text("""
    SELECT item.blueprint_id, wanted.product_id, item.quantity
    FROM unnest(cast(:blueprints AS int[]), cast(:products AS bigint[])) AS wanted(blueprint_id, product_id)
    JOIN user_inventory_items AS item
      ON item.user_id = :user_id AND item.blueprint_id = wanted.blueprint_id
     AND item.external_stock_id = wanted.product_id::text
""")


async def move_on(connection: AsyncConnection, user_id: UUID, order_id: int) -> None:
    """All orders up to this one were read; it never moves back."""
    higher = func.greatest(func.coalesce(_settings.highest_order_id, 0), order_id)
    moved = update(user_sync_settings).where(_settings.user_id == user_id).values(highest_order_id=higher)
    await connection.execute(moved)


async def counted(connection: AsyncConnection, user_id: UUID, order_ids: Sequence[int]) -> set[tuple[int, int]]:
    """(order, item) of the sales that were taken off the stock."""
    found = await connection.execute(_COUNTED, {"user_id": user_id, "orders": list(order_ids)})
    return {(row.order_id, row.order_item_id) for row in found}


async def quantities(
    connection: AsyncConnection, user_id: UUID, products: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], int]:
    """Copies by (blueprint, product); without those not in the stock."""
    wanted = {
        "user_id": user_id,
        "blueprints": [blueprint for blueprint, _ in products],
        "products": [product for _, product in products],
    }
    found = await connection.execute(_QUANTITIES, wanted)
    return {(row.blueprint_id, row.product_id): row.quantity for row in found}
