"""What a stock row is expected to become, once a difference that was counted on will not be made.

An edit's difference counts from the moment it is recorded: copies less are not offered any more, copies more are
pending. If it fails or is given up, the next wish for a quantity must not build on it, even before the re-read.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# What is offered is not raised here: the copies that were not taken off are pending, until a re-read shows them.
_DROP = text("""
    UPDATE user_inventory_items AS item
    SET raise_pending = least(greatest(coalesce(item.raise_pending, 0) - dropped.delta, 0), 2147483647)
    FROM (SELECT item_id, sum(delta) AS delta FROM item_changes
          WHERE id = ANY (cast(:ids AS bigint[])) AND action = 'update' GROUP BY item_id) AS dropped
    WHERE item.id = dropped.item_id AND dropped.delta <> 0
""")


async def drop(connection: AsyncConnection, change_ids: Collection[int]) -> None:
    """These changes, counted on until now, will not be made."""
    await connection.execute(_DROP, {"ids": list(change_ids)})
