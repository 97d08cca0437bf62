"""Ends a bulk sync that did not succeed: the operation's row, the seller's status, the staging.

Idempotent: an operation that has ended is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.cards.announcing import announce_failure
from db.cards import drift, lifecycle, operations, staging
from domain.cards.progress import State
from domain.cards.sync_errors import INTERRUPTED, is_blocking, sentence
from workflows.cards.contracts import AbortSync, Counters


def numbers(merged: int, totals: Counters) -> dict[str, object]:
    """The counters as an operation shows them; `merged` chunks."""
    counted = totals.model_dump()
    return {"processed_chunks": merged, "processed": counted.pop("rows"), **counted}


async def abort(connection: AsyncConnection, request: AbortSync) -> bool:
    """Close the operation without success; False when it was closed. What was merged stays: a later sync repairs it."""
    current = await lifecycle.operation(connection, request.operation_id, lock=True)
    if current is None or current.status not in ("pending", "running"):
        return False
    merged, sums = await staging.totals(connection, request.operation_id)
    message = sentence(request.code)
    closing = {"phase": "done", "error": {"code": request.code, "message": message}}
    status = "cancelled" if request.cancelled else "failed"
    counted = numbers(merged, Counters(**asdict(sums)))
    await lifecycle.note(connection, request.operation_id, closing | counted, status=status)
    # One that was never begun has not touched the account.
    if current.status == "running" or request.code != INTERRUPTED:
        await _close_account(connection, request, f"{request.code}: {message}", current.operation_metadata)
    await drift.forget_counts(connection, request.user_id, request.operation_id)
    await staging.drop(connection, request.operation_id)
    if current.status == "running":
        metadata = current.operation_metadata
        await announce_failure(connection, request.user_id, request.operation_id, metadata, request.code)
    return True


async def abort_blueprint(connection: AsyncConnection, operation_id: UUID, code: str) -> bool:
    """Close the reconciliation of one blueprint; nothing was changed. False when it was closed already."""
    state: State = "cancelled" if code == "SYNC_CANCELLED" else "failed"
    reason = {"code": code, "message": sentence(code)}
    return await operations.close(connection, operation_id, state, {"phase": "done", "error": reason})


async def _close_account(
    connection: AsyncConnection, request: AbortSync, error: str, metadata: Mapping[str, object]
) -> None:
    """A dry run leaves no trace; a sync that can be repeated puts nobody out of action who was synchronised before."""
    if metadata.get("dry_run"):
        return
    again = metadata.get("mode") == "periodic_sync" or request.code == INTERRUPTED
    if again and not is_blocking(request.code) and await lifecycle.was_synced(connection, request.user_id):
        await lifecycle.leave_active(connection, request.user_id, remark=error)
    else:
        await lifecycle.close_account(connection, request.user_id, error=error, synced=False)
