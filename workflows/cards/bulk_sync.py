"""BulkSyncWorkflow: one seller's whole CardTrader stock, as a durable fan-out of 5,000-item chunks.

Deterministic and thin: begin, stage, fan out over a sliding window, re-read what was contested, finish. Only
ids and counts pass through here. A chunk whose retry budget is spent is given up with a dead letter and never
ends the sync. Continues as new after a planned number of chunks, at the one point where none is in flight.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import workflows.cards.steps as steps
    import workflows.search_attributes as search_attributes
    from domain.cards.sync_errors import code_for, sentence
    from workflows.cards.contracts import (
        BULK_SYNC_WORKFLOW,
        AbortSync,
        ApplyChunk,
        BulkSyncInput,
        ChunkLost,
        Counters,
        FanOut,
        FinishSync,
        LiveProgress,
        Manifest,
        OperationRef,
        Phase,
        StageExport,
        SyncPlan,
        SyncResult,
    )
    from workflows.steps import wire_type


@workflow.defn(name=BULK_SYNC_WORKFLOW)
class BulkSyncWorkflow:
    """Started with id `bulk-sync:{user_id}`, which is the single flight."""

    @workflow.init
    def __init__(self, start: BulkSyncInput) -> None:
        self._start = start
        self._ref = OperationRef(user_id=start.user_id, operation_id=start.operation_id)
        self._fairness = str(start.user_id)
        self._fan_out = start.fan_out or FanOut()
        self._phase: Phase = "queued"

    @workflow.query(description="Phase and counters of the running sync")
    def progress(self) -> LiveProgress:
        """Live detail; the durable answer is the operation's row."""
        state = self._fan_out
        return LiveProgress(
            phase=self._phase, chunk_count=state.chunk_count, chunks_done=state.chunks_done, totals=state.totals
        )

    @workflow.run
    async def run(self, start: BulkSyncInput) -> SyncResult:
        """The whole sync. Fails with a code of domain.cards.sync_errors as its type."""
        try:
            result = await self._sync(start)
        except ActivityError as error:
            await self._abort(error)
        except asyncio.CancelledError as error:
            await self._abort(error)
        self._enter("done", result.status, percent=100)
        return result

    async def _sync(self, start: BulkSyncInput) -> SyncResult:
        self._enter("starting", "running")
        # Repeated in every run of the chain: it is idempotent, and its answer is this run's plan.
        plan = await self._begin()
        if start.fan_out is None:
            await self._find_orders(start)
            self._enter("downloading", "running")
            manifest = await self._stage()
            self._fan_out = FanOut(chunk_count=manifest.chunk_count, product_count=manifest.product_count)
        self._enter("applying", "running")
        await self._apply_all(plan)
        self._enter("finishing", "running")
        return await self._finish()

    async def _begin(self) -> SyncPlan:
        return await steps.BEGIN_SYNC.run(
            self._ref, id="begin", summary="open the operation", fairness_key=self._fairness
        )

    async def _find_orders(self, start: BulkSyncInput) -> None:
        """A reconciliation asks for the sales of which no webhook told; what it cannot learn, the export repairs."""
        if start.mode != "periodic_sync":
            return
        try:
            await steps.FIND_ORDERS.run(
                self._ref, id="orders", summary="look for sales no webhook told of", fairness_key=self._fairness
            )
        except ActivityError as error:
            if is_cancelled_exception(error) or wire_type(error) == "OperationClosed":
                raise
            workflow.logger.warning("orders were not read", extra={"reason": wire_type(error)})

    async def _stage(self) -> Manifest:
        """The whole export at once or, when that keeps timing out, one export per expansion."""
        request = StageExport(**self._ref.model_dump())
        try:
            return await steps.STAGE_EXPORT.run(
                request, id="stage", summary="download and stage the export", fairness_key=self._fairness
            )
        except ActivityError as error:
            if wire_type(error) != "ExportTooSlow":
                raise
        by_expansion = request.model_copy(update={"strategy": "by_expansion"})
        return await steps.STAGE_EXPORT.run(
            by_expansion, id="stage-by-expansion", summary="stage one export per expansion", fairness_key=self._fairness
        )

    async def _apply_all(self, plan: SyncPlan) -> None:
        first = self._fan_out.next_chunk
        last = min(self._fan_out.chunk_count, first + plan.chunks_per_run)
        window = asyncio.Semaphore(plan.window)
        chunks = [asyncio.create_task(self._in_window(window, number)) for number in range(first, last)]
        try:
            await asyncio.gather(*chunks)
        finally:
            for chunk in chunks:
                chunk.cancel()
        self._fan_out = self._fan_out.model_copy(update={"next_chunk": last})
        if last < self._fan_out.chunk_count:
            workflow.continue_as_new(self._start.model_copy(update={"fan_out": self._fan_out}))

    async def _in_window(self, window: asyncio.Semaphore, number: int) -> None:
        async with window:
            lost = False
            try:
                counters = await self._apply(number)
            except ActivityError as error:
                if is_cancelled_exception(error) or wire_type(error) == "OperationClosed":
                    raise
                counters, lost = await self._lose(number, wire_type(error)), True
            self._count(counters, lost=lost)

    async def _apply(self, number: int) -> Counters:
        return await steps.APPLY_CHUNK.run(
            ApplyChunk(**self._ref.model_dump(), chunk_no=number),
            id=f"chunk-{number}",
            summary=f"chunk-{number}, {number + 1} of {self._fan_out.chunk_count}",
            fairness_key=self._fairness,
        )

    async def _lose(self, number: int, reason: str) -> Counters:
        return await steps.LOSE_CHUNK.run(
            ChunkLost(**self._ref.model_dump(), chunk_no=number, reason=reason),
            id=f"lose-{number}",
            summary=f"give up chunk-{number}: {reason}",
            fairness_key=self._fairness,
        )

    def _count(self, counters: Counters, *, lost: bool) -> None:
        before = self._fan_out
        self._fan_out = before.model_copy(
            update={
                "totals": before.totals + counters,
                "chunks_done": before.chunks_done + 1,
                "failed_chunks": before.failed_chunks + lost,
            }
        )
        # One event per tenth, not one per chunk.
        if self._fan_out.chunks_done * 10 // before.chunk_count > before.chunks_done * 10 // before.chunk_count:
            self._enter("applying", "running", percent=self._fan_out.chunks_done * 100 // before.chunk_count)

    async def _finish(self) -> SyncResult:
        if not self._start.dry_run:
            await self._reread()
        request = FinishSync(
            **self._ref.model_dump(), force=self._start.force, failed_chunks=self._fan_out.failed_chunks
        )
        return await steps.FINISH_SYNC.run(
            request, id="finish", summary="settle what is gone, close the operation", fairness_key=self._fairness
        )

    async def _reread(self) -> None:
        """Contested rows wait for the next sync when they cannot be read again now; the others need not."""
        try:
            await steps.REREAD_CONTESTED.run(
                self._ref, id="reread", summary="read contested rows again", fairness_key=self._fairness
            )
        except ActivityError as error:
            if is_cancelled_exception(error) or wire_type(error) == "OperationClosed":
                raise
            workflow.logger.warning("contested rows were not read again", extra={"reason": wire_type(error)})

    async def _abort(self, error: BaseException) -> NoReturn:
        cancelled = is_cancelled_exception(error)
        code = "SYNC_CANCELLED" if cancelled else code_for(wire_type(error))
        closing = asyncio.create_task(self._close(AbortSync(**self._ref.model_dump(), code=code, cancelled=cancelled)))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            # A cancellation that meets the closing waits for it: nobody else would close the operation.
            await closing
        self._enter("done", "cancelled" if cancelled else "failed")
        if cancelled:
            raise error
        raise ApplicationError(sentence(code), type=code, non_retryable=True) from error

    async def _close(self, request: AbortSync) -> None:
        await steps.ABORT_SYNC.run(
            request, id="abort", summary=f"close the operation: {request.code}", fairness_key=self._fairness
        )

    def _enter(self, phase: Phase, status: str, *, percent: int | None = None) -> None:
        """Tell operators where the sync stands: search attributes, and a line in the Web UI."""
        self._phase = phase
        updates: list[SearchAttributeUpdate[str] | SearchAttributeUpdate[int]] = [
            search_attributes.SYNC_PHASE.value_set(phase),
            search_attributes.SYNC_STATUS.value_set(status),
        ]
        if percent is not None:
            updates.append(search_attributes.PROGRESS.value_set(percent))
        workflow.upsert_search_attributes(updates)
        state = self._fan_out
        workflow.set_current_details(
            f"**{phase}** · chunk {state.chunks_done}/{state.chunk_count} · {state.totals.rows:,} products: "
            f"{state.totals.created:,} created, {state.totals.updated:,} updated, {state.totals.unchanged:,} "
            f"unchanged, {state.totals.contested:,} contested, {state.totals.failed:,} failed"
        )
