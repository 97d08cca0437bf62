"""BackgroundSyncWorkflow: one night of a background schedule, page by page inside its window.

Deterministic and thin: open the night, then for each page ask whether there is still time and share for it, fetch it,
process it. What to do is decided by an activity (it knows the zones' rules) at the time this workflow tells, so that
time can be skipped in tests and a replay decides the same. The cursor is in the schedule's row: whatever ends a night,
the next goes on after the last page that is committed.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    import workflows.bridge.steps as steps
    import workflows.search_attributes as search_attributes
    from workflows.bridge.closing import abort_for, give_up, to_the_end
    from workflows.bridge.contracts import (
        BACKGROUND_SYNC_WORKFLOW,
        MEMO_BATCH,
        Abort,
        BatchRef,
        Ended,
        NextPage,
        NightLost,
        NightProgress,
        NightRef,
        NightResult,
        NightRun,
        NightStep,
        PageRef,
    )


@workflow.defn(name=BACKGROUND_SYNC_WORKFLOW)
class BackgroundSyncWorkflow:
    """Started with an id that begins with `bridge-background:{schedule_uid}`, by its schedule or by hand."""

    @workflow.init
    def __init__(self, start: NightRun) -> None:
        self._start = start
        self._progress = start.progress or NightProgress(batch_uid=workflow.uuid4())
        self._fairness = str(start.schedule_uid)

    @workflow.query(description="Pages and rows of this night so far")
    def progress(self) -> NightResult:
        """Live detail; the durable answers are the rows of the schedule and of the batch."""
        return NightResult(pages=self._progress.next_page - 1, totals=self._progress.totals)

    @workflow.run
    async def run(self, start: NightRun) -> NightResult:
        """The night. Fails with a code of domain.pipeline.batch_errors as its type."""
        try:
            if start.progress is None and (rest := await self._rest()):
                return rest
            step, ended = await self._night()
        except (ActivityError, asyncio.CancelledError) as error:
            await self._abort(error)
        await self._wake(ended)
        self._enter(ended.status)
        return self.progress().model_copy(update={"completed": step.completed, "until": step.until})

    async def _rest(self) -> NightResult | None:
        """What there is to say when this is no time to work."""
        opened = await steps.OPEN_NIGHT.run(
            self._ref(), id="open", summary="is it time, and whose turn?", fairness_key=self._fairness
        )
        return None if opened.is_open else NightResult(until=opened.until)

    async def _night(self) -> tuple[NightStep, Ended]:
        self._enter("running")
        workflow.upsert_memo({MEMO_BATCH: str(self._progress.batch_uid)})
        # Repeated in every run of the chain: it is idempotent, and its answer is this run's plan.
        batch = BatchRef(batch_uid=self._progress.batch_uid)
        plan = await steps.BEGIN_BATCH.run(batch, id="begin", summary="open the batch", fairness_key=self._fairness)
        end = self._progress.next_page + plan.pages_per_run
        while (step := await self._step()).rows:
            if self._progress.next_page == end:
                workflow.continue_as_new(self._start.model_copy(update={"progress": self._progress}))
            await self._page(step.rows)
        ended = await steps.FINISH_BATCH.run(batch, id="finish", summary="close the batch", fairness_key=self._fairness)
        return step, ended

    async def _step(self) -> NightStep:
        state = self._progress
        return await steps.NEXT_PAGE.run(
            NextPage(**self._ref().model_dump(), page_no=state.next_page, last=state.last),
            id=f"next-{state.next_page}",
            summary="note what is done; is there time for more?",
            fairness_key=self._fairness,
        )

    async def _page(self, rows: int) -> None:
        number = self._progress.next_page
        page = PageRef(batch_uid=self._progress.batch_uid, page_no=number, rows=rows)
        fetched = await steps.FETCH_PAGE.run(
            page, id=f"fetch-{number}", summary=f"fetch page {number}", fairness_key=self._fairness
        )
        counts = await steps.PROCESS_PAGE.run(
            page, id=f"page-{number}", summary=f"page {number}: {fetched.rows} rows", fairness_key=self._fairness
        )
        totals = self._progress.totals + counts
        update = {"next_page": number + 1, "last": fetched.last, "totals": totals}
        self._progress = self._progress.model_copy(update=update)
        workflow.set_current_details(f"{number} pages · {totals.rows:,} rows tonight")

    async def _wake(self, ended: Ended) -> None:
        """Children of rows that came tonight; if it is lost, a schedule looks after them."""
        if ended.parents_arrived:
            batch = BatchRef(batch_uid=self._progress.batch_uid)
            summary = f"wake {ended.parents_arrived} children"
            with suppress(ActivityError, asyncio.CancelledError):
                await steps.WAKE_CHILDREN.run(batch, id="wake", summary=summary, fairness_key=self._fairness)

    async def _abort(self, error: BaseException) -> NoReturn:
        abort = abort_for(self._progress.batch_uid, error)
        await to_the_end(self._close(abort))
        self._enter("cancelled" if abort.cancelled else "failed")
        give_up(abort, error)

    async def _close(self, abort: Abort) -> None:
        """First note what is committed: the pages of a closed batch are gone."""
        lost = NightLost(**self._ref().model_dump(), code=abort.code)
        summary = "note how far this night came"
        await steps.CLOSE_NIGHT.run(lost, id="close", summary=summary, fairness_key=self._fairness)
        summary = f"close the batch: {abort.code}"
        await steps.ABORT_BATCH.run(abort, id="abort", summary=summary, fairness_key=self._fairness)

    def _ref(self) -> NightRef:
        return NightRef(
            schedule_uid=self._start.schedule_uid,
            batch_uid=self._progress.batch_uid,
            now=workflow.now(),
            force=self._start.force,
        )

    @staticmethod
    def _enter(status: str) -> None:
        workflow.upsert_search_attributes([search_attributes.SYNC_STATUS.value_set(status)])
