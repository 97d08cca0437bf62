"""Disconnecting an account: suspended at once; on wish removed, once nothing works for it any more.

Removing keeps the audit trail and forgets the stock: nobody would lower it any more when copies are sold. Every
intent that was open ends with a reason (law L3). Each function is one step inside the caller's transaction.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.intent_tables import purchases
from db.cards.tables import user_sync_settings

_BATCH: Final = 20_000
_settings = user_sync_settings.c

_END_CHANGES = text("""
    UPDATE item_changes
    SET state = CASE WHEN state IN ('waiting', 'held') THEN 'cancelled' ELSE 'failed' END,
        reason = 'DISCONNECTED', detail = :sentence, ended_at = now()
    WHERE user_id = :user_id AND ended_at IS NULL
""")
_END_PLANS = text("""
    UPDATE change_plans SET state = 'cancelled', decided_at = now(), decided_by = 'disconnect'
    WHERE user_id = :user_id AND state = 'waiting'
""")
_END_OPERATIONS = text("""
    UPDATE sync_operations
    SET status = 'cancelled', completed_at = now(), operation_metadata = operation_metadata || jsonb_build_object(
        'phase', 'done', 'error', jsonb_build_object('code', 'DISCONNECTED', 'message', cast(:sentence AS text)))
    WHERE user_id = :user_id AND status IN ('pending', 'running')
""")
_END_EVENTS = text("""
    UPDATE webhook_inbox SET processed_at = now(), outcome = 'disconnected'
    WHERE user_id = :user_id AND processed_at IS NULL
""")
_SENTENCE: Final = "The account was disconnected before this was done."
# Only while suspended: a new link, meanwhile, wants its stock.
_DROP_STOCK = text("""
    DELETE FROM user_inventory_items WHERE id IN (
        SELECT item.id FROM user_inventory_items AS item JOIN user_sync_settings AS seller USING (user_id)
        WHERE item.user_id = :user_id AND seller.suspended_at IS NOT NULL LIMIT :most)
""")


async def suspend(connection: AsyncConnection, user_id: UUID) -> None:
    """From now on nothing new is begun for the account."""
    since = func.coalesce(_settings.suspended_at, func.now())
    await _write(connection, user_id, suspended_at=since)


async def has_open_purchase(connection: AsyncConnection, user_id: UUID) -> bool:
    """Whether a purchase of the seller has not ended."""
    query = select(purchases.c.id).where(purchases.c.user_id == user_id, purchases.c.ended_at.is_(None)).limit(1)
    return (await connection.execute(query)).first() is not None


async def rest(connection: AsyncConnection, user_id: UUID) -> None:
    """Show the account as idle, without the error that stopping its work has left."""
    await _write(connection, user_id, sync_status="idle", last_error=None)


async def drop_stock(connection: AsyncConnection, user_id: UUID) -> bool:
    """Delete some rows of a suspended account; False when there was nothing left to delete."""
    return (await connection.execute(_DROP_STOCK, {"user_id": user_id, "most": _BATCH})).rowcount > 0


async def remove(connection: AsyncConnection, user_id: UUID, *, blank_token: str) -> bool:
    """End what was open and forget the account's secrets; False when it was linked again meanwhile."""
    removed = await connection.execute(
        update(user_sync_settings)
        .where(_settings.user_id == user_id, _settings.suspended_at.is_not(None))
        .values(
            cardtrader_token_encrypted=blank_token,
            webhook_secret=None,
            cardtrader_user_id=None,
            highest_order_id=None,
            updated_at=func.now(),
        )
    )
    if not removed.rowcount:
        return False
    for statement in (_END_CHANGES, _END_PLANS, _END_OPERATIONS, _END_EVENTS):
        await connection.execute(statement, {"user_id": user_id, "sentence": _SENTENCE})
    return True


async def _write(connection: AsyncConnection, user_id: UUID, **values: object) -> None:
    changed = update(user_sync_settings).where(_settings.user_id == user_id)
    await connection.execute(changed.values(**values, updated_at=func.now()))
