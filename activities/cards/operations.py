"""Begin, finish and abort a bulk sync: the projection sellers read, and the retirement of what is gone.

Idempotent: each step is one transaction that first looks whether it was done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards import closing
from activities.cards.announcing import announce_failure, announce_result, announce_start
from activities.cards.errors import OperationClosed
from activities.cards.measures import BULK_SYNC
from activities.cards.reporting import conclude
from activities.cards.watching import Watch, watching
from activities.measures import measures
from activities.support import beating
from db import failed_records
from db.cards import lifecycle, staging, stock
from db.cards.reporting import Reporting
from db.session import Database
from domain.cards.shrink import removal_allowed
from domain.cards.sync_errors import sentence
from workflows.cards.contracts import AbortSync, Counters, FinishSync, OperationRef, SyncPlan, SyncResult

_MOST_ROWS = 5_000
_log = structlog.get_logger(__name__)


class SyncOperations:
    """Owns the life cycle of `sync_operations` rows of bulk syncs."""

    def __init__(self, database: Database, plan: SyncPlan) -> None:
        self._database = database
        self._plan = plan

    @activity.defn
    async def begin_sync(self, ref: OperationRef) -> SyncPlan:
        """Open the operation. Raises `OperationClosed` when it has ended already."""
        async with self._database.begin() as connection:
            orphans = await lifecycle.begin(connection, ref.user_id, ref.operation_id)
            if orphans is None:
                raise OperationClosed
            for orphan, metadata in orphans.items():
                await announce_failure(connection, ref.user_id, orphan, metadata, lifecycle.ORPHANED)
            await announce_start(connection, ref.user_id, ref.operation_id)
        return self._plan

    @activity.defn
    async def finish_sync(self, request: FinishSync) -> SyncResult:
        """Retire or hold what the export lacks, close the operation, drop the staging; a repeat returns the same."""
        async with beating(), self._database.begin() as connection:
            current = await lifecycle.operation(connection, request.operation_id, lock=True)
            if current is None or current.status not in ("running", "completed", "completed_with_errors"):
                raise OperationClosed
            if current.status != "running":
                return SyncResult.model_validate(current.operation_metadata["result"])
            return await self._finish(connection, request, current.operation_metadata)

    async def _finish(
        self, connection: AsyncConnection, request: FinishSync, metadata: Mapping[str, object]
    ) -> SyncResult:
        merged, sums = await staging.totals(connection, request.operation_id)
        totals, reporting = Counters(**asdict(sums)), Reporting.of(metadata)
        stale, removed, held = await self._settle_missing(connection, request, metadata, created=totals.created)
        clean = not (totals.failed or request.failed_chunks)
        result = SyncResult(
            status="completed" if clean else "completed_with_errors",
            totals=totals,
            stale=stale,
            removed=removed,
            held=held,
        )
        numbers = closing.numbers(merged, totals) | {"stale": stale, "removed": removed, "held": held}
        told = {"phase": "done", "result": result.model_dump(), **numbers}
        if summary := await conclude(connection, request.user_id, request.operation_id, reporting, totals):
            told["drift"] = msgspec.to_builtins(summary)
        await lifecycle.note(connection, request.operation_id, told, status=result.status)
        if not reporting.dry_run:
            remark = sentence("REMOVALS_HELD") if held else None
            await lifecycle.close_account(connection, request.user_id, error=remark, synced=True)
        await staging.drop(connection, request.operation_id)
        _tell_duration(metadata)
        _log.info("sync.ended", status=result.status, **totals.model_dump())
        await announce_result(connection, request.user_id, request.operation_id, metadata, result)
        return result

    async def _settle_missing(
        self, connection: AsyncConnection, request: FinishSync, metadata: Mapping[str, object], *, created: int
    ) -> tuple[int, int, int]:
        """(made stale, removed, held). An export that may be incomplete proves nothing about what it lacks."""
        manifest, reporting = metadata["manifest"], Reporting.of(metadata)
        if not isinstance(manifest, dict) or not manifest["complete"]:
            return 0, 0, 0
        began = datetime.fromisoformat(str(metadata["export_began"]))
        fresh, again = await stock.missing_rows(connection, request.user_id, request.operation_id, began)
        await _tell(watching(request.user_id, request.operation_id, reporting), connection, fresh)
        allowed = removal_allowed(
            missing=len(fresh),
            # What a dry run would create is not there.
            baseline=await lifecycle.listed_rows(connection, request.user_id) - (0 if reporting.dry_run else created),
            held_before=await lifecycle.held_before(connection, request.user_id, request.operation_id),
            force=request.force,
        )
        if not reporting.dry_run:
            await failed_records.settle_older(connection, request.user_id, request.operation_id, context="cards")
            if allowed:
                await stock.retire(connection, fresh, began)
                await stock.remove(connection, again)
        return (len(fresh), len(again), 0) if allowed else (0, 0, len(fresh))

    @activity.defn
    async def abort_sync(self, request: AbortSync) -> None:
        """Close the operation without success. What was merged stays: a later sync repairs what is missing."""
        async with beating(), self._database.begin() as connection:
            if await closing.abort(connection, request):
                status = "cancelled" if request.cancelled else "failed"
                measures().ended(BULK_SYNC, status)
                _log.info("sync.ended", status=status, code=request.code)


def _tell_duration(metadata: Mapping[str, object]) -> None:
    if began := metadata.get("export_began"):
        measures().took(BULK_SYNC, (datetime.now(UTC) - datetime.fromisoformat(str(began))).total_seconds())


async def _tell(watch: Watch, connection: AsyncConnection, item_ids: list[int]) -> None:
    """Some thousand at a time: where nothing is for sale any more, all of a stock is missing."""
    for start in range(0, len(item_ids), _MOST_ROWS):
        await watch.lacking(connection, item_ids[start : start + _MOST_ROWS])
