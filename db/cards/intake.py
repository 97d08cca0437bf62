"""Takes a webhook of sales in: inbox, order lines and lowered stock by one statement, a transaction by itself.

Nearly every webhook is of this kind, and they come by the hundreds per second: a transaction of several statements
costs three times as much on both sides. What this statement leaves alone is for db.cards.sales and db.cards.inbox.
"""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.inbox import Webhook
from db.cards.sales import columns_of
from domain.cards.orders import Verdict

Intake = Literal["stored", "unstored", "unmatched"]

# The stock rows are locked first and in order: the statement has an effect only when each product has one. Whatever it
# began with, a row is lowered as it is when its lock is had, and an item of the order counts once (db.cards.sales).
# The arrays are sub-selects because the planner counts the elements of a bare parameter: it would then find each plan
# cheaper than the general one, and plan anew for every webhook, which takes longer than the statement.
_TAKE: Final = text("""
    WITH item AS (
        SELECT * FROM unnest((SELECT cast(:item_ids AS bigint[])), (SELECT cast(:blueprint_ids AS int[])),
                             (SELECT cast(:product_ids AS bigint[])), (SELECT cast(:quantities AS int[])),
                             (SELECT cast(:sold AS boolean[])))
                      AS item(item_id, blueprint_id, product_id, quantity, sold)
    ), product AS (
        SELECT DISTINCT blueprint_id, product_id::text AS product FROM item
    ), stock AS (
        SELECT stock.id, product.blueprint_id, product.product
        FROM product JOIN user_inventory_items AS stock
          ON stock.user_id = :user_id AND stock.blueprint_id = product.blueprint_id
         AND stock.external_stock_id = product.product
        ORDER BY stock.id FOR UPDATE OF stock
    ), matched AS (
        SELECT (SELECT count(*) FROM stock) = (SELECT count(*) FROM product) AS every
    ), stored AS (
        INSERT INTO webhook_inbox (user_id, webhook_id, cause, mode, body_encrypted, blueprint_ids)
        SELECT seller.user_id, :webhook_id, :cause, :mode, :body_encrypted,
               (SELECT array_agg(DISTINCT blueprint_id ORDER BY blueprint_id) FROM product)
        FROM matched JOIN user_sync_settings AS seller ON every
        WHERE seller.user_id = :user_id AND seller.webhook_secret = :secret
        ON CONFLICT (webhook_id) DO NOTHING RETURNING id
    ), recorded AS (
        INSERT INTO order_lines AS line
            (user_id, order_id, order_item_id, blueprint_id, product_id, quantity, decrement_applied)
        SELECT :user_id, :order_id, item_id, blueprint_id, product_id, quantity, sold FROM item, stored ORDER BY item_id
        ON CONFLICT (user_id, order_id, order_item_id) DO UPDATE
            SET decrement_applied = true, quantity = excluded.quantity, product_id = excluded.product_id,
                blueprint_id = excluded.blueprint_id, created_at = now()
            WHERE excluded.decrement_applied AND NOT line.decrement_applied
        RETURNING blueprint_id, product_id::text AS product, quantity, decrement_applied
    ), counted AS (
        SELECT blueprint_id, product, least(sum(quantity), 2147483647)::int AS copies
        FROM recorded WHERE decrement_applied GROUP BY 1, 2
    ), wanted AS (
        SELECT stock.id, coalesce(counted.copies, 0) AS copies
        FROM stored CROSS JOIN stock LEFT JOIN counted USING (blueprint_id, product)
    ), lowered AS (
        UPDATE user_inventory_items AS stock
        SET quantity = greatest(stock.quantity - wanted.copies, 0), row_version = stock.row_version + 1,
            content_hash = NULL, changed_at = now(), updated_at = now(),
            sync_state = CASE WHEN stock.sync_state = 'pending' THEN stock.sync_state ELSE 'uncertain' END
        FROM wanted WHERE stock.id = wanted.id
    )
    SELECT CASE WHEN NOT every THEN 'unmatched' WHEN EXISTS (SELECT FROM stored) THEN 'stored' ELSE 'unstored' END
    FROM matched
""")


async def take_in(
    connection: AsyncConnection, user_id: UUID, webhook: Webhook, verdict: Verdict, *, secret: str
) -> Intake:
    """Store and apply a webhook all of whose items name a product (`Verdict.is_plain`).

    Nothing was done when it is `unmatched` (a product has no stock row: it may come), or `unstored` (a webhook of its
    id is there, or `secret` is not the account's any more).
    """
    values = {
        "user_id": user_id,
        "secret": secret,
        "webhook_id": webhook.webhook_id,
        "cause": webhook.cause,
        "mode": webhook.mode,
        "body_encrypted": webhook.body_encrypted,
        "order_id": verdict.order_id,
        **columns_of(verdict.lines),
    }
    taken: Intake = (await connection.execute(_TAKE, values)).scalar_one()
    return taken
