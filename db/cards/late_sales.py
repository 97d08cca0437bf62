"""Sales that were told of before their product had a stock row: whoever brings the row takes their copies off.

An export is older than the sales that came while it was on its way. Where the stock row is there, the sale lowers it
and the export finds it changed; a row that the export itself brings would offer what is sold (law L2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.stock import MergeStamp

# Without it each could miss what the other has not yet committed: the sale the row, the row the sale. Sales pass
# beside each other, and whoever brings rows waits for all of them.
_CLOSE: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(cast(:user_id AS text), 0))")
_MEET: Final = text("SELECT pg_advisory_xact_lock_shared(hashtextextended(cast(:user_id AS text), 0))")
_LOWER: Final = text("""
    UPDATE user_inventory_items AS item
    SET quantity = greatest(item.quantity - sold.copies, 0), row_version = item.row_version + 1, content_hash = NULL,
        sync_state = 'uncertain', changed_at = now(), updated_at = now()
    FROM (SELECT blueprint_id, product_id::text AS product, least(sum(quantity), 2147483647)::int AS copies
          FROM order_lines
          WHERE user_id = :user_id AND created_at >= :began AND decrement_applied AND product_id IS NOT NULL
          GROUP BY 1, 2) AS sold
    WHERE item.user_id = :user_id AND item.blueprint_id = sold.blueprint_id AND item.external_stock_id = sold.product
      AND item.changed_at = :began AND item.last_seen_operation_id = :operation_id AND item.sync_state = 'synced'
""")
_LOWER_CAME: Final = text("""
    UPDATE user_inventory_items AS item
    SET quantity = greatest(item.quantity - sold.copies, 0), row_version = item.row_version + 1, content_hash = NULL,
        sync_state = CASE WHEN item.sync_state = 'pending' THEN item.sync_state ELSE 'uncertain' END,
        changed_at = now(), updated_at = now()
    FROM (SELECT blueprint_id, product_id::text AS product, least(sum(quantity), 2147483647)::int AS copies
          FROM order_lines
          WHERE user_id = :user_id AND order_id = :order_id AND created_at = now() AND decrement_applied
            AND product_id IS NOT NULL
          GROUP BY 1, 2) AS sold
    WHERE item.user_id = :user_id AND item.blueprint_id = sold.blueprint_id AND item.external_stock_id = sold.product
      AND item.id <> ALL (cast(:lowered AS bigint[]))
""")


async def lower_rows_that_came(
    connection: AsyncConnection, user_id: UUID, order_id: int, lowered: Sequence[int]
) -> None:
    """For a sale that found no row of some product: one may have come that was not committed when it looked.

    Takes off it what this transaction counted; `lowered` are the rows it found.
    """
    await connection.execute(_MEET, {"user_id": str(user_id)})
    await connection.execute(_LOWER_CAME, {"user_id": user_id, "order_id": order_id, "lowered": list(lowered)})


async def lower_new_rows(connection: AsyncConnection, stamp: MergeStamp) -> None:
    """Take off the rows just inserted what was sold since the export began.

    To be called before other rows are locked: it waits for webhooks, and they for rows.
    """
    await connection.execute(_CLOSE, {"user_id": str(stamp.user_id)})
    values = {"user_id": stamp.user_id, "began": stamp.began, "operation_id": stamp.operation_id}
    await connection.execute(_LOWER, values)
