"""What an order event does to the stock, inside the caller's transaction: once per order item, and never upwards.

The row of `order_lines` is what makes a sale count once, whichever event of its order comes first or again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import late_sales
from db.cards.tables import order_lines
from domain.cards.orders import OrderLine, Verdict

# One statement, because webhooks come by the hundreds per second. Items and rows are taken in order, so that two events
# never wait for each other in a circle. An item seen before in a state that proved nothing counts now; `counted` are
# the items that count by this statement. A row is lowered as it is when its lock is had, whatever this began with.
_APPLY = text("""
    WITH item AS (
        SELECT * FROM unnest(cast(:item_ids AS bigint[]), cast(:blueprint_ids AS int[]), cast(:product_ids AS bigint[]),
                             cast(:quantities AS int[]), cast(:sold AS boolean[]))
                      AS item(item_id, blueprint_id, product_id, quantity, sold)
    ), recorded AS (
        INSERT INTO order_lines AS line
            (user_id, order_id, order_item_id, blueprint_id, product_id, quantity, decrement_applied)
        SELECT :user_id, :order_id, item_id, blueprint_id, product_id, quantity, sold FROM item
        WHERE :records ORDER BY item_id
        ON CONFLICT (user_id, order_id, order_item_id) DO UPDATE
            SET decrement_applied = true, quantity = excluded.quantity, product_id = excluded.product_id,
                blueprint_id = excluded.blueprint_id, created_at = now()
            WHERE excluded.decrement_applied AND NOT line.decrement_applied
        RETURNING blueprint_id, product_id, quantity, decrement_applied
    ), counted AS (
        SELECT blueprint_id, product_id, quantity FROM recorded WHERE decrement_applied
    ), concerned AS (
        SELECT blueprint_id, product_id, 0 AS quantity FROM item WHERE :reread = 'always'
        UNION ALL SELECT * FROM counted WHERE :reread <> 'never'
    ), wanted AS (
        SELECT blueprint_id, product_id, least(sum(quantity), 2147483647)::int AS sold
        FROM concerned GROUP BY blueprint_id, product_id
    ), locked AS (
        SELECT stock.id, wanted.sold
        FROM wanted JOIN user_inventory_items AS stock
          ON stock.user_id = :user_id AND stock.blueprint_id = wanted.blueprint_id
         AND stock.external_stock_id = wanted.product_id::text
        ORDER BY stock.id FOR UPDATE OF stock
    ), lowered AS (
        UPDATE user_inventory_items AS stock
        SET quantity = greatest(stock.quantity - locked.sold, 0), row_version = stock.row_version + 1,
            content_hash = NULL, changed_at = now(), updated_at = now(),
            sync_state = CASE WHEN stock.sync_state = 'pending' THEN stock.sync_state ELSE 'uncertain' END
        FROM locked WHERE stock.id = locked.id RETURNING stock.id
    )
    SELECT (SELECT coalesce(array_agg(DISTINCT blueprint_id), '{}') FROM wanted) AS blueprint_ids,
           (SELECT coalesce(array_agg(id), '{}') FROM lowered) AS lowered,
           (SELECT count(*) FROM wanted) > (SELECT count(*) FROM lowered) AS unmatched
""")


@dataclass(frozen=True, slots=True)
class Applied:
    """Blueprints to read again; `unmatched` when a product had no stock row; else why nothing is to be done."""

    blueprint_ids: frozenset[int] = frozenset()
    unmatched: bool = False
    outcome: str = ""


async def apply(connection: AsyncConnection, user_id: UUID, verdict: Verdict) -> Applied:
    """Record the order's items, lower what they sold, mark their rows uncertain."""
    if verdict.reason:
        return Applied(outcome=verdict.reason)
    lines = await _known_lines(connection, user_id, verdict.order_id) if verdict.destroyed else verdict.lines
    if not lines:
        return Applied(outcome="no usable items")
    done = (await connection.execute(_APPLY, _values(user_id, verdict, lines))).one()
    if not done.blueprint_ids:
        return Applied(outcome="no stock effect")
    if done.unmatched:
        await late_sales.lower_rows_that_came(connection, user_id, verdict.order_id, done.lowered)
    return Applied(frozenset(done.blueprint_ids), unmatched=done.unmatched)


async def _known_lines(connection: AsyncConnection, user_id: UUID, order_id: int) -> Sequence[OrderLine]:
    line = order_lines.c
    query = select(line.order_item_id, line.blueprint_id, line.product_id, line.quantity).where(
        line.user_id == user_id, line.order_id == order_id
    )
    found = await connection.execute(query)
    return [OrderLine(item, blueprint, product, copies, sold=False) for item, blueprint, product, copies in found]


def _values(user_id: UUID, verdict: Verdict, lines: Sequence[OrderLine]) -> dict[str, object]:
    return {
        "user_id": user_id,
        "order_id": verdict.order_id,
        "records": not verdict.destroyed,
        "reread": verdict.reread,
        **columns_of(lines),
    }


def columns_of(lines: Sequence[OrderLine]) -> dict[str, object]:
    """Order items as the arrays that a statement unnests."""
    return {
        "item_ids": [line.item_id for line in lines],
        "blueprint_ids": [line.blueprint_id for line in lines],
        "product_ids": [line.product_id for line in lines],
        "quantities": [line.quantity for line in lines],
        "sold": [line.sold for line in lines],
    }
