"""What an order event does to the stock, inside the caller's transaction: once per order item, and never upwards.

The row of `order_lines` is what makes a sale count once, whichever event of its order comes first or again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import order_lines
from domain.cards.orders import OrderLine, Verdict, sold_quantities

# Sorted, so that two events of one order never wait for each other in a circle. An item seen before in a state that
# proved nothing counts now; the rows returned as sold are those that count by this statement.
_RECORD = text("""
    INSERT INTO order_lines AS line
        (user_id, order_id, order_item_id, blueprint_id, product_id, quantity, decrement_applied)
    SELECT :user_id, :order_id, item.item_id, item.blueprint_id, item.product_id, item.quantity, item.sold
    FROM unnest(cast(:item_ids AS bigint[]), cast(:blueprint_ids AS int[]), cast(:product_ids AS bigint[]),
                cast(:quantities AS int[]), cast(:sold AS boolean[]))
         AS item(item_id, blueprint_id, product_id, quantity, sold)
    ORDER BY item.item_id
    ON CONFLICT (user_id, order_id, order_item_id) DO UPDATE
        SET decrement_applied = true, quantity = excluded.quantity, product_id = excluded.product_id,
            blueprint_id = excluded.blueprint_id
        WHERE excluded.decrement_applied AND NOT line.decrement_applied
    RETURNING order_item_id, decrement_applied
""")
_LOCK = text("""
    SELECT item.id, wanted.sold
    FROM unnest(cast(:blueprint_ids AS int[]), cast(:product_ids AS text[]), cast(:sold AS int[]))
         AS wanted(blueprint_id, product_id, sold)
    JOIN user_inventory_items AS item
      ON item.user_id = :user_id AND item.blueprint_id = wanted.blueprint_id
     AND item.external_stock_id = wanted.product_id
    ORDER BY item.id
    FOR UPDATE OF item
""")
_LOWER = text("""
    UPDATE user_inventory_items AS item
    SET quantity = greatest(item.quantity - wanted.sold, 0), row_version = item.row_version + 1, content_hash = NULL,
        sync_state = CASE WHEN item.sync_state = 'pending' THEN item.sync_state ELSE 'uncertain' END,
        changed_at = now(), updated_at = now()
    FROM unnest(cast(:ids AS bigint[]), cast(:sold AS int[])) AS wanted(id, sold)
    WHERE item.id = wanted.id
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
    if verdict.destroyed:
        concerned, newly = await _known_lines(connection, user_id, verdict.order_id), []
    else:
        newly = await _record(connection, user_id, verdict)
        concerned = {"always": list(verdict.lines), "if_sold": newly, "never": []}[verdict.reread]
    if not concerned:
        return Applied(outcome="no stock effect" if verdict.lines else "no usable items")
    found = await _lower(connection, user_id, concerned, newly)
    wanted = {(line.blueprint_id, line.product_id) for line in concerned}
    return Applied(frozenset(blueprint for blueprint, _ in wanted), unmatched=found < len(wanted))


async def _known_lines(connection: AsyncConnection, user_id: UUID, order_id: int) -> list[OrderLine]:
    line = order_lines.c
    query = select(line.order_item_id, line.blueprint_id, line.product_id, line.quantity).where(
        line.user_id == user_id, line.order_id == order_id
    )
    found = await connection.execute(query)
    return [OrderLine(item, blueprint, product, copies, sold=False) for item, blueprint, product, copies in found]


async def _record(connection: AsyncConnection, user_id: UUID, verdict: Verdict) -> list[OrderLine]:
    """The lines whose sale counts by this event and by none before."""
    lines = verdict.lines
    recorded = await connection.execute(
        _RECORD,
        {
            "user_id": user_id,
            "order_id": verdict.order_id,
            "item_ids": [line.item_id for line in lines],
            "blueprint_ids": [line.blueprint_id for line in lines],
            "product_ids": [line.product_id for line in lines],
            "quantities": [line.quantity for line in lines],
            "sold": [line.sold for line in lines],
        },
    )
    counted = {row.order_item_id for row in recorded if row.decrement_applied}
    return [line for line in lines if line.item_id in counted]


async def _lower(
    connection: AsyncConnection, user_id: UUID, concerned: Sequence[OrderLine], sold: Sequence[OrderLine]
) -> int:
    """Lower and mark the stock rows behind the lines; how many there are."""
    quantities = sold_quantities(sold)
    keys = list(sold_quantities(concerned))
    locked = await connection.execute(
        _LOCK,
        {
            "user_id": user_id,
            "blueprint_ids": [blueprint for blueprint, _ in keys],
            "product_ids": [str(product) for _, product in keys],
            "sold": [quantities.get(key, 0) for key in keys],
        },
    )
    rows = locked.all()
    await connection.execute(_LOWER, {"ids": [row.id for row in rows], "sold": [row.sold for row in rows]})
    return len(rows)
