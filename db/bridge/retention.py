"""What the bridge forgets when it is old: batches, settled dead letters, waits that ended. Never what is unresolved.

A batch stays while something hangs on it: open dead letters and waiting children that it met last, the keys of an
entity's last full sync, the watermark, and the nights of a background schedule that is not through.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_BATCHES: Final = text("""
    DELETE FROM sync_batches WHERE uid IN (
        SELECT batch.uid FROM sync_batches AS batch
        WHERE batch.status NOT IN ('pending', 'running')
          AND coalesce(batch.completed_at, batch.created_at) < now() - cast(:age AS interval)
          AND NOT EXISTS (SELECT FROM batch_pages AS page WHERE page.batch_uid = batch.uid)
          AND NOT EXISTS (SELECT FROM erp_sync_state AS state WHERE state.last_batch_uid = batch.uid)
          AND NOT EXISTS (SELECT FROM background_sync_schedule AS schedule
                          WHERE schedule.uid = batch.schedule_uid AND schedule.state <> 'completed')
          AND NOT EXISTS (SELECT FROM failed_records AS letter
                          WHERE letter.operation_id = cast(batch.uid AS text) AND letter.context = 'bridge'
                            AND letter.resolved_at IS NULL)
          AND NOT EXISTS (SELECT FROM pending_children AS wait
                          WHERE wait.batch_uid = batch.uid AND wait.resolved_at IS NULL)
        ORDER BY batch.created_at LIMIT :most)
""")
_LETTERS: Final = text("""
    DELETE FROM failed_records WHERE id IN (
        SELECT id FROM failed_records
        WHERE context = 'bridge' AND resolved_at < now() - cast(:age AS interval) ORDER BY id LIMIT :most)
""")
_WAITS: Final = text("""
    DELETE FROM pending_children WHERE uid IN (
        SELECT uid FROM pending_children WHERE resolved_at < now() - cast(:age AS interval) LIMIT :most)
""")


async def forget_batches(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete ended batches and what was kept of their rows, the oldest first; how many."""
    return (await connection.execute(_BATCHES, {"age": age, "most": most})).rowcount


async def forget_letters(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete dead letters that were settled longer ago; how many."""
    return (await connection.execute(_LETTERS, {"age": age, "most": most})).rowcount


async def forget_waits(connection: AsyncConnection, *, age: timedelta, most: int) -> int:
    """Delete waits that ended longer ago; how many."""
    return (await connection.execute(_WAITS, {"age": age, "most": most})).rowcount
