"""Batches of changes: which are taken together, where a batch stands, and when an operation has ended with them.

One batch of a seller is open at a time. It is stamped on the rows of `item_changes`, so that ten thousand changes
need one id on the wire, and whoever continues after a crash finds everything here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.cards.sync_errors import BLOCKING

# Who else records for the seller must not wait for this lock (their foreign keys look at the row): NO KEY.
_LOCK_SELLER: Final = text("""
    SELECT suspended_at IS NULL AND cardtrader_token_encrypted <> ''
           AND NOT (sync_status = 'error' AND coalesce(last_error, '') = ANY (cast(:blocking AS text[])))
    FROM user_sync_settings WHERE user_id = :user_id FOR NO KEY UPDATE
""")
_STANDING: Final = text("""
    SELECT batch_id, count(*) AS changes,
           count(*) FILTER (WHERE state = 'waiting') AS waiting,
           count(*) FILTER (WHERE state = 'waiting' AND action = 'update' AND delta <> 0) AS differences,
           count(*) FILTER (WHERE state = 'sending' AND job_uuid IS NOT NULL) AS in_job,
           count(*) FILTER (WHERE state = 'sending' AND job_uuid IS NULL) AS unknown,
           count(*) FILTER (WHERE state = 'sending' AND job_uuid IS NULL AND action = 'create') AS unknown_listings,
           coalesce(max(attempts) FILTER (WHERE state = 'sending' AND job_uuid IS NULL), 0) AS attempts,
           max(sent_at) FILTER (WHERE state = 'sending' AND job_uuid IS NULL) AS sent_at,
           clock_timestamp() AS now
    FROM item_changes WHERE user_id = :user_id AND ended_at IS NULL AND batch_id IS NOT NULL
    GROUP BY batch_id ORDER BY min(id) LIMIT 1
""")
# The oldest open change of each stock row, if it may be sent; what comes after it waits for the next batch.
_STAMP: Final = text("""
    UPDATE item_changes SET batch_id = :batch_id WHERE id IN (
        SELECT id FROM (
            SELECT DISTINCT ON (coalesce(item_id, -id)) id, state FROM item_changes
            WHERE user_id = :user_id AND ended_at IS NULL
            ORDER BY coalesce(item_id, -id), id) AS first
        WHERE state = 'waiting' ORDER BY id LIMIT :most)
    RETURNING operation_id
""")
_RUNNING: Final = text("""
    UPDATE sync_operations SET status = 'running',
        operation_metadata = operation_metadata || jsonb_build_object('started_at', clock_timestamp())
    WHERE operation_id = ANY (cast(:ids AS text[])) AND status = 'pending'
""")
_CLOSE: Final = text("""
    UPDATE sync_operations AS operation
    SET completed_at = now(), operation_metadata = operation_metadata || ended.metadata,
        status = CASE WHEN ended.failed = 0 AND ended.verified > 0 THEN 'completed'
                      WHEN ended.verified > 0 THEN 'completed_with_errors'
                      WHEN ended.failed > 0 THEN 'failed' ELSE 'cancelled' END
    FROM (SELECT operation_id, count(*) FILTER (WHERE state = 'failed') AS failed,
                 count(*) FILTER (WHERE state = 'verified') AS verified,
                 jsonb_build_object('changes', count(*),
                     'verified', count(*) FILTER (WHERE state = 'verified'),
                     'failed', count(*) FILTER (WHERE state = 'failed'),
                     'cancelled', count(*) FILTER (WHERE state = 'cancelled'))
                 || coalesce((array_agg(jsonb_build_object('error',
                        jsonb_build_object('code', reason, 'message', detail)) ORDER BY id)
                        FILTER (WHERE state IN ('failed', 'cancelled') AND reason IS NOT NULL))[1], '{}'::jsonb)
                 AS metadata
          FROM item_changes WHERE operation_id = ANY (cast(:ids AS text[]))
          GROUP BY operation_id HAVING bool_and(ended_at IS NOT NULL)) AS ended
    WHERE operation.operation_id = ended.operation_id AND operation.status IN ('pending', 'running')
""")
_SELLERS_WAITING: Final = text("""
    SELECT DISTINCT change.user_id FROM item_changes AS change JOIN user_sync_settings AS seller USING (user_id)
    WHERE change.ended_at IS NULL AND change.state <> 'held' AND change.created_at < now() - cast(:age AS interval)
      AND seller.suspended_at IS NULL AND seller.cardtrader_token_encrypted <> ''
      AND NOT (seller.sync_status = 'error' AND coalesce(seller.last_error, '') = ANY (cast(:blocking AS text[])))
    LIMIT :most
""")
# A tombstone outlives its product for a while: an export read before the deletion could bring the row back.
_PURGE: Final = text("""
    DELETE FROM user_inventory_items
    WHERE user_id = :user_id AND deleted_at IS NOT NULL AND stale_since < now() - cast(:age AS interval)
      AND sync_state = 'synced' AND reserved_quantity = 0
      AND NOT EXISTS (SELECT 1 FROM sync_operations AS sync
                      WHERE sync.user_id = :user_id AND sync.operation_type IN ('bulk_sync', 'periodic_sync')
                        AND sync.status IN ('pending', 'running'))
""")
_UNCERTAIN: Final = text("""
    SELECT DISTINCT blueprint_id FROM user_inventory_items
    WHERE user_id = :user_id AND sync_state = 'uncertain' AND reserved_quantity = 0
    ORDER BY blueprint_id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """How many changes of the open batch are in which state; `unknown` were sent and their answer is lost."""

    batch_id: UUID
    changes: int
    waiting: int
    differences: int
    in_job: int
    unknown: int
    unknown_listings: int
    attempts: int
    sent_at: datetime | None
    now: datetime


async def lock_seller(connection: AsyncConnection, user_id: UUID) -> bool:
    """Keep everybody else from taking the seller's changes; whether the account can be worked on at all."""
    found = await connection.execute(_LOCK_SELLER, {"user_id": user_id, "blocking": list(BLOCKING)})
    return bool(found.scalar_one_or_none())


async def standing(connection: AsyncConnection, user_id: UUID) -> Standing | None:
    """The open batch, if there is one."""
    row = (await connection.execute(_STANDING, {"user_id": user_id})).one_or_none()
    return None if row is None else Standing(*row)


async def stamp(connection: AsyncConnection, user_id: UUID, batch_id: UUID, *, most: int) -> int:
    """Take the oldest waiting changes, one of each stock row, and mark their operations running; how many."""
    taken = await connection.execute(_STAMP, {"user_id": user_id, "batch_id": batch_id, "most": most})
    operations = list(taken.scalars())
    await connection.execute(_RUNNING, {"ids": list(dict.fromkeys(operations))})
    return len(operations)


async def close_operations(connection: AsyncConnection, operation_ids: Collection[UUID]) -> None:
    """End those operations all of whose changes have ended, with counts and the first reason."""
    await connection.execute(_CLOSE, {"ids": [str(operation_id) for operation_id in operation_ids]})


async def sellers_waiting(connection: AsyncConnection, *, age: timedelta, most: int) -> list[UUID]:
    """Sellers with open changes older than `age` that can be acted upon."""
    found = await connection.execute(_SELLERS_WAITING, {"age": age, "most": most, "blocking": list(BLOCKING)})
    return list(found.scalars())


async def purge_tombstones(connection: AsyncConnection, user_id: UUID, *, age: timedelta) -> None:
    """Remove rows whose product was taken off sale longer than `age` ago, unless a bulk sync runs."""
    await connection.execute(_PURGE, {"user_id": user_id, "age": age})


async def uncertain_blueprints(connection: AsyncConnection, user_id: UUID, *, most: int) -> list[int]:
    """Blueprints of rows whose truth is at CardTrader, ascending; reserved ones are their purchase's."""
    return list((await connection.execute(_UNCERTAIN, {"user_id": user_id, "most": most})).scalars())
