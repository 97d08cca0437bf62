"""Sales that were told of before their product had a stock row: whoever brings the row takes their copies off.

An export is older than the sales that came while it was on its way. Where the stock row is there, the sale lowers it
and the export finds it changed; a row that the export itself brings would offer what is sold (law L2).
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, func, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.stock import MergeStamp

_CLOSE: Final = text("SELECT pg_advisory_xact_lock(hashtextextended(cast(:user_id AS text), 0))")
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


def gate(user_id: UUID) -> ColumnElement[object]:
    """Holds off `lower_new_rows` until the transaction ends: to be passed before a sale looks for its stock row."""
    # Without it each could miss what the other has not yet committed: the sale the row, the row the sale.
    named: ColumnElement[object] = func.pg_advisory_xact_lock_shared(func.hashtextextended(cast(str(user_id), Text), 0))
    return named


async def lower_new_rows(connection: AsyncConnection, stamp: MergeStamp) -> None:
    """Take off the rows just inserted what was sold since the export began.

    To be called before other rows are locked: it waits for webhooks, and they for rows.
    """
    await connection.execute(_CLOSE, {"user_id": str(stamp.user_id)})
    values = {"user_id": stamp.user_id, "began": stamp.began, "operation_id": stamp.operation_id}
    await connection.execute(_LOWER, values)
