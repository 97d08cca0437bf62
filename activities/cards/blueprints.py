"""Reconciles one blueprint by hand: reads it again and reports what differed.

Idempotent: the merge, its report and the end of the operation are one transaction; a repeat finds the operation closed.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards import closing
from activities.cards.errors import OperationClosed
from activities.cards.merging import Incoming, Merged, merge
from activities.cards.reporting import conclude
from activities.cards.rereading import BlueprintReader
from activities.cards.showing import one_blueprint
from activities.cards.watching import watching
from activities.support import beating, postponing
from clients.catalog import Catalog
from db.cards import lifecycle, stock
from db.cards.reporting import Reporting
from db.session import Database
from domain.cards.chunks import Bound, KeyRange
from workflows.cards.contracts import BlueprintAborted, Counters, OperationRef, ReconcileBlueprint


class BlueprintReconciliation:
    """The activities of a targeted reconciliation."""

    def __init__(self, database: Database, catalog: Catalog, reader: BlueprintReader) -> None:
        self._database = database
        self._catalog = catalog
        self._reader = reader

    @activity.defn
    async def reconcile_blueprint(self, request: ReconcileBlueprint) -> None:
        """Read, compare and, unless it is a dry run, settle. Raises `OperationClosed`, and what the reader raises."""
        async with beating():
            began = await self._begin(request)
            client = await self._reader.client(request.user_id, "interactive")
            with postponing():
                shown = await one_blueprint(client, request.blueprint_id)
            snapshot = await self._catalog.snapshot()
            stamp = stock.MergeStamp(request.user_id, request.operation_id, began, settles=True)
            range_ = KeyRange(Bound(request.blueprint_id, 0), Bound(request.blueprint_id + 1, 0))
            reporting = Reporting(reports=True, dry_run=request.dry_run)
            watch = watching(request.user_id, request.operation_id, reporting)
            async with self._database.begin() as connection:
                await _open(connection, request, lock=True)
                merged = await merge(connection, stamp, Incoming(shown.keys, range_, shown.json), snapshot, watch)
                await watch.lacking(connection, merged.missing_items)
                if not request.dry_run:
                    await stock.retire(connection, merged.missing_items, began)
                await _finish(connection, request, reporting, merged)

    async def _begin(self, request: ReconcileBlueprint) -> datetime:
        async with self._database.begin() as connection:
            await _open(connection, request, lock=False)
            began = await lifecycle.now(connection)
            started = {"phase": "applying", "started_at": began.isoformat()}
            await lifecycle.note(connection, request.operation_id, started, status="running")
        return began

    @activity.defn
    async def abort_blueprint(self, request: BlueprintAborted) -> None:
        """Close the operation; nothing was changed."""
        async with self._database.begin() as connection:
            await closing.abort_blueprint(connection, request.operation_id, request.code)


async def _open(connection: AsyncConnection, ref: OperationRef, *, lock: bool) -> None:
    current = await lifecycle.operation(connection, ref.operation_id, lock=lock)
    if current is None or current.status not in ("pending", "running"):
        raise OperationClosed


async def _finish(
    connection: AsyncConnection, request: ReconcileBlueprint, reporting: Reporting, merged: Merged
) -> None:
    totals = Counters(**asdict(merged.counters))
    summary = await conclude(connection, request.user_id, request.operation_id, reporting, totals)
    counted = totals.model_dump()
    rows = counted.pop("rows")
    told = {"phase": "done", "total_products": rows, "processed": rows, "drift": msgspec.to_builtins(summary)}
    status = "completed_with_errors" if totals.failed else "completed"
    await lifecycle.note(connection, request.operation_id, told | counted, status=status)
