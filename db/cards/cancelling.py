"""Ends changes that are not to be made any more, and with them their operations; the caller holds the stock rows."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import change_batches, expectations, inbox

_PER_REQUEST: Final = 500

_SUPERSEDE = text("""
    UPDATE item_changes SET state = 'cancelled', reason = :reason, detail = :sentence, ended_at = now()
    WHERE item_id = :item_id AND ended_at IS NULL AND state IN ('waiting', 'held')
    RETURNING operation_id
""")
_LOCK = text("""
    SELECT item.id FROM user_inventory_items AS item
    WHERE item.id IN (SELECT item_id FROM item_changes
                      WHERE user_id = :user_id AND ended_at IS NULL AND state = 'held' AND plan_id = :plan_id)
    ORDER BY item.id FOR UPDATE
""")
_CANCEL = text("""
    UPDATE item_changes SET state = 'cancelled', reason = :reason, detail = :sentence, ended_at = now()
    WHERE user_id = :user_id AND ended_at IS NULL AND state = 'held' AND plan_id = :plan_id
    RETURNING id, operation_id
""")
_RELEASE = text("""
    UPDATE user_inventory_items AS item
    SET deleted_at = CASE WHEN gone.deleted THEN NULL ELSE item.deleted_at END, content_hash = NULL,
        sync_state = CASE WHEN EXISTS (SELECT 1 FROM item_changes AS other
                                       WHERE other.item_id = item.id AND other.ended_at IS NULL
                                         AND other.state IN ('waiting', 'held', 'sending'))
                          THEN item.sync_state ELSE 'uncertain' END,
        row_version = item.row_version + 1, changed_at = clock_timestamp(), updated_at = clock_timestamp()
    FROM (SELECT item_id, bool_or(action = 'delete') AS deleted FROM item_changes
           WHERE id = ANY (cast(:ids AS bigint[])) GROUP BY item_id) AS gone
    WHERE item.id = gone.item_id
    RETURNING item.blueprint_id
""")


async def supersede(connection: AsyncConnection, item_id: int) -> None:
    """A listing goes: what was not sent of its changes is not to be made any more."""
    why = {"reason": "SUPERSEDED", "sentence": "The listing was deleted before this change was sent."}
    ended = await connection.execute(_SUPERSEDE, {"item_id": item_id, **why})
    await change_batches.close_operations(connection, [UUID(name) for name in set(ended.scalars())])


async def cancel_held(connection: AsyncConnection, user_id: UUID, plan_id: UUID) -> int:
    """End the plan's changes; their rows come back by a re-read, which is asked for. How many there were."""
    why = {"reason": "PLAN_CANCELLED", "sentence": "The plan it belonged to was not approved."}
    names = {"user_id": user_id, "plan_id": plan_id}
    await connection.execute(_LOCK, names)
    ended = (await connection.execute(_CANCEL, {**names, **why})).all()
    ids = [change.id for change in ended]
    await expectations.drop(connection, ids)
    released = await connection.execute(_RELEASE, {"ids": ids})
    await _reread(connection, user_id, plan_id, sorted(set(released.scalars())))
    await change_batches.close_operations(connection, [UUID(name) for name in {row.operation_id for row in ended}])
    return len(ended)


async def _reread(connection: AsyncConnection, user_id: UUID, plan_id: UUID, blueprints: list[int]) -> None:
    for start in range(0, len(blueprints), _PER_REQUEST):
        part = blueprints[start : start + _PER_REQUEST]
        name = f"plan:{plan_id}:{start}"
        await inbox.request_reread(connection, user_id, name, part, cause="plan.cancelled", body_encrypted=b"")
