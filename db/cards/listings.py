"""What our books know of blueprints for which the answer to a new listing was lost."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cards.changes import Wanted
from domain.cards.listings import Made

# A change that ended is verified, or was found not to be as asked: made, in both cases, if it names a product.
_MADE: Final = text("""
    SELECT blueprint_id, product_id, wanted, sent_at FROM item_changes
    WHERE user_id = :user_id AND action = 'create' AND product_id IS NOT NULL AND sent_at IS NOT NULL
      AND blueprint_id = ANY (cast(:blueprints AS int[]))
      AND sent_at >= (SELECT min(sent_at) FROM item_changes
                      WHERE user_id = :user_id AND action = 'create' AND state = 'sending' AND ended_at IS NULL)
    ORDER BY id
""")
_HERE: Final = text("""
    SELECT external_stock_id::bigint AS product_id, quantity FROM user_inventory_items
    WHERE user_id = :user_id AND blueprint_id = ANY (cast(:blueprints AS int[])) AND external_stock_id ~ '^[0-9]{1,18}$'
""")


async def made(connection: AsyncConnection, user_id: UUID, blueprints: Collection[int]) -> dict[int, list[Made]]:
    """By blueprint: listings known to be made since the first one whose answer is lost."""
    found: dict[int, list[Made]] = {}
    for row in await connection.execute(_MADE, {"user_id": user_id, "blueprints": sorted(blueprints)}):
        wanted = msgspec.convert(row.wanted, Wanted)
        found.setdefault(row.blueprint_id, []).append(Made(row.product_id, wanted, row.sent_at))
    return found


async def here(connection: AsyncConnection, user_id: UUID, blueprints: Collection[int]) -> dict[int, int]:
    """Copies by product, as the stock has them."""
    found = await connection.execute(_HERE, {"user_id": user_id, "blueprints": sorted(blueprints)})
    return {row.product_id: row.quantity for row in found}
