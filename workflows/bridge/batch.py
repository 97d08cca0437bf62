"""BridgeBatchWorkflow: one synchronisation of one entity of one source, page by page.

Deterministic and thin: begin, fetch one page after the other, process each while the next are fetched, finish. Only
ids, page numbers and counts pass through here. A page whose retry budget is spent fails the batch; pages that are
committed stay. When the batch is stopped, pages that are being processed may end, and no other begins. Continues as
new after a planned number of pages, at the one point where none is in flight.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final, NoReturn

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    import workflows.bridge.steps as steps
    import workflows.search_attributes as search_attributes
    from workflows.bridge.closing import abort_for, give_up, to_the_end
    from workflows.bridge.contracts import (
        BRIDGE_BATCH_WORKFLOW,
        Abort,
        BatchPlan,
        BatchRef,
        BatchResult,
        BatchRun,
        Ended,
        Fetched,
        LiveBatch,
        PageCounts,
        PageRef,
        Progress,
        bridge_fairness,
    )

GRACE: Final = timedelta(seconds=60)


@workflow.defn(name=BRIDGE_BATCH_WORKFLOW)
class BridgeBatchWorkflow:
    """Started with id `bridge-batch:{source}:{entity}`, which is the single flight."""

    @workflow.init
    def __init__(self, start: BatchRun) -> None:
        self._ref = BatchRef(batch_uid=start.batch_uid)
        self._fairness = bridge_fairness(start.source_system, start.entity_name)
        self._progress = start.progress or Progress()
        self._pages_fetched = self._progress.pages_done
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._failure: ActivityError | None = None

    @workflow.query(description="Pages and rows so far")
    def progress(self) -> LiveBatch:
        """Live detail; the durable answer is the batch's row."""
        state = self._progress
        return LiveBatch(
            pages_fetched=self._pages_fetched,
            pages_done=state.pages_done,
            reported=state.reported,
            totals=state.totals,
        )

    @workflow.run
    async def run(self, start: BatchRun) -> BatchResult:
        """The whole batch. Fails with a code of domain.pipeline.batch_errors as its type."""
        try:
            ended = await self._sync(start)
        except (ActivityError, asyncio.CancelledError) as error:
            await self._abort(error)
        await self._wake(ended)
        state = self._progress
        self._enter(ended.status, percent=100)
        return BatchResult(status=ended.status, pages=state.pages_done, totals=state.totals, deleted=ended.deleted)

    async def _sync(self, start: BatchRun) -> Ended:
        self._enter("running")
        # Repeated in every run of the chain: it is idempotent, and its answer is this run's plan.
        plan = await steps.BEGIN_BATCH.run(self._ref, id="begin", summary="open the batch", fairness_key=self._fairness)
        await self._pages(start, plan)
        return await steps.FINISH_BATCH.run(
            self._ref, id="finish", summary="delete what is gone, close the batch", fairness_key=self._fairness
        )

    async def _pages(self, start: BatchRun, plan: BatchPlan) -> None:
        number = self._progress.next_page
        end = number + plan.pages_per_run
        last = False
        while not last and number < end and (plan.most_pages is None or number <= plan.most_pages):
            await self._room(plan.window)
            last = (await self._fetch(number)).last
            self._in_flight[number] = asyncio.create_task(self._process(number))
            number += 1
        await self._room(1)
        if number == end and not last:
            progress = self._progress.model_copy(update={"next_page": number})
            workflow.continue_as_new(start.model_copy(update={"progress": progress}))

    async def _room(self, window: int) -> None:
        """Wait until fewer than `window` pages are being processed. Raises what failed one of them."""
        await workflow.wait_condition(lambda: len(self._in_flight) < window or self._failure is not None)
        if self._failure is not None:
            raise self._failure

    async def _fetch(self, number: int) -> Fetched:
        fetched = await steps.FETCH_PAGE.run(
            PageRef(batch_uid=self._ref.batch_uid, page_no=number),
            id=f"fetch-{number}",
            summary=f"fetch page {number}",
            fairness_key=self._fairness,
        )
        self._pages_fetched = number
        if fetched.reported is not None:
            self._progress = self._progress.model_copy(update={"reported": fetched.reported})
        return fetched

    async def _process(self, number: int) -> None:
        try:
            counts = await steps.PROCESS_PAGE.run(
                PageRef(batch_uid=self._ref.batch_uid, page_no=number),
                id=f"page-{number}",
                summary=f"page {number}",
                fairness_key=self._fairness,
            )
        except ActivityError as error:
            self._failure = self._failure or error
        else:
            self._count(counts)
        finally:
            del self._in_flight[number]

    def _count(self, counts: PageCounts) -> None:
        before = self._progress
        update = {"pages_done": before.pages_done + 1, "totals": before.totals + counts}
        self._progress = before.model_copy(update=update)
        if (rows := before.reported) and self._tenths(before, rows) < self._tenths(self._progress, rows):
            # One event per tenth, not one per page.
            self._enter("running", percent=min(99, self._progress.totals.rows * 100 // rows))

    @staticmethod
    def _tenths(progress: Progress, rows: int) -> int:
        return min(progress.totals.rows * 10 // rows, 9)

    async def _wake(self, ended: Ended) -> None:
        """Children of rows that came with this batch; if it is lost, a schedule looks after them."""
        if not ended.parents_arrived:
            return
        summary = f"wake {ended.parents_arrived} children"
        with suppress(ActivityError, asyncio.CancelledError):
            await steps.WAKE_CHILDREN.run(self._ref, id="wake", summary=summary, fairness_key=self._fairness)

    async def _abort(self, error: BaseException) -> NoReturn:
        abort = abort_for(self._ref.batch_uid, error)
        await to_the_end(self._close(abort))
        self._enter("cancelled" if abort.cancelled else "failed")
        give_up(abort, error)

    async def _close(self, abort: Abort) -> None:
        """Let pages end that are being processed; who takes too long is cancelled, and cannot commit any more."""
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: not self._in_flight, timeout=GRACE)
        for page in self._in_flight.values():
            page.cancel()
        await steps.ABORT_BATCH.run(
            abort, id="abort", summary=f"close the batch: {abort.code}", fairness_key=self._fairness
        )

    def _enter(self, status: str, *, percent: int | None = None) -> None:
        """Tell operators where the batch stands: search attributes, and a line in the Web UI."""
        updates: list[SearchAttributeUpdate[str] | SearchAttributeUpdate[int]] = [
            search_attributes.SYNC_STATUS.value_set(status)
        ]
        if percent is not None:
            updates.append(search_attributes.PROGRESS.value_set(percent))
        workflow.upsert_search_attributes(updates)
        totals = self._progress.totals
        workflow.set_current_details(
            f"**{status}** · {self._progress.pages_done} pages · {totals.rows:,} rows: {totals.inserted:,} inserted, "
            f"{totals.updated:,} updated, {totals.skipped:,} unchanged, {totals.pending:,} waiting, "
            f"{totals.failed:,} failed"
        )
