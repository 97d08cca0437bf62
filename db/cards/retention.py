"""What the context `cards` forgets when it is old. Never what is still owed to a seller, nor what keeps effects single:
the lines of orders stay, since an order may be told of again after months.

Bodies of webhooks hold names and addresses, and go first; of the webhook its id stays, by which a repeat is known.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_BODIES: Final = text("""
    UPDATE webhook_inbox SET body_encrypted = '' WHERE id IN (
        SELECT id FROM webhook_inbox
        WHERE processed_at < now() - cast(:age AS interval) AND body_encrypted <> '' ORDER BY id LIMIT :most)
""")
_WEBHOOKS: Final = text("""
    DELETE FROM webhook_inbox WHERE id IN (
        SELECT id FROM webhook_inbox WHERE processed_at < now() - cast(:age AS interval) ORDER BY id LIMIT :most)
""")
# Changes and staged chunks go with their operation. Of each seller the last whole sync stays to be shown.
_OPERATIONS: Final = text("""
    WITH old AS (
        SELECT one.operation_id FROM sync_operations AS one
        WHERE one.status NOT IN ('pending', 'running') AND one.operation_type <> 'purchase'
          AND coalesce(one.completed_at, one.created_at) < now() - cast(:age AS interval)
          AND NOT EXISTS (SELECT FROM item_changes AS change
                          WHERE change.operation_id = one.operation_id AND change.ended_at IS NULL)
          AND (one.operation_type NOT IN ('bulk_sync', 'periodic_sync')
               OR EXISTS (SELECT FROM sync_operations AS later
                          WHERE later.user_id = one.user_id AND later.id > one.id
                            AND later.operation_type IN ('bulk_sync', 'periodic_sync')
                            AND later.status NOT IN ('pending', 'running')))
        ORDER BY one.id LIMIT :most),
    items AS (DELETE FROM drift_items WHERE operation_id IN (SELECT operation_id FROM old)),
    counts AS (DELETE FROM drift_counts WHERE operation_id IN (SELECT operation_id FROM old)),
    sales AS (DELETE FROM found_sales WHERE operation_id IN (SELECT operation_id FROM old))
    DELETE FROM sync_operations WHERE operation_id IN (SELECT operation_id FROM old)
""")
_PLANS: Final = text("""
    DELETE FROM change_plans WHERE plan_id IN (
        SELECT plan.plan_id FROM change_plans AS plan
        WHERE plan.state <> 'waiting' AND plan.decided_at < now() - cast(:age AS interval)
          AND NOT EXISTS (SELECT FROM item_changes AS change WHERE change.plan_id = plan.plan_id)
        LIMIT :most)
""")
_LETTERS: Final = text("""
    DELETE FROM failed_records WHERE id IN (
        SELECT id FROM failed_records
        WHERE context = 'cards' AND resolved_at < now() - cast(:age AS interval) ORDER BY id LIMIT :most)
""")
_PURCHASES: Final = text("""
    DELETE FROM sync_operations WHERE operation_id IN (
        SELECT one.operation_id FROM sync_operations AS one
        WHERE one.status NOT IN ('pending', 'running') AND one.operation_type = 'purchase'
          AND coalesce(one.completed_at, one.created_at) < now() - cast(:age AS interval)
          AND NOT EXISTS (SELECT FROM purchases AS purchase
                          WHERE purchase.operation_id = one.operation_id AND purchase.ended_at IS NULL)
        ORDER BY one.id LIMIT :most)
""")


async def empty_bodies(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Drop the bodies of webhooks that were dealt with longer ago; how many."""
    return (await connection.execute(_BODIES, {"age": age, "most": most})).rowcount


async def forget_webhooks(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete webhooks that were dealt with longer ago; how many."""
    return (await connection.execute(_WEBHOOKS, {"age": age, "most": most})).rowcount


async def forget_operations(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete ended syncs and changes with what they found, but purchases; how many operations."""
    return (await connection.execute(_OPERATIONS, {"age": age, "most": most})).rowcount


async def forget_plans(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete decided plans none of whose changes is kept; how many."""
    return (await connection.execute(_PLANS, {"age": age, "most": most})).rowcount


async def forget_letters(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete dead letters that were settled longer ago; how many."""
    return (await connection.execute(_LETTERS, {"age": age, "most": most})).rowcount


async def forget_purchases(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete ended purchases, and with them the memory of their idempotency keys; how many."""
    return (await connection.execute(_PURCHASES, {"age": age, "most": most})).rowcount
