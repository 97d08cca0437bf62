"""StoreOrdersWorkflow: what is due of one store is tried again, batch by batch; one at a time per store.

Deterministic and thin; continues as new with its whole state after some batches. Its start is told in the
transaction that claims the first receipts, its end always: a batch that cannot be done ends it as failed.
"""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import workflows.marketplace.steps as steps
    from workflows.marketplace.contracts import (
        STORE_ORDERS_WORKFLOW,
        BatchDone,
        OrderBatch,
        StoreOrdersEnd,
        StoreOrdersState,
        Tally,
    )
    from workflows.steps import wire_type


@workflow.defn(name=STORE_ORDERS_WORKFLOW)
class StoreOrdersWorkflow:
    """Started with id `store-orders:{store_id}`."""

    @workflow.init
    def __init__(self, start: StoreOrdersState) -> None:
        self._state = start

    @workflow.query(description="Receipts so far, by what became of them")
    def tally(self) -> Tally:
        """Over all runs of the chain."""
        return self._state.tally

    @workflow.run
    async def run(self, start: StoreOrdersState) -> Tally:
        """Batches until nothing is due any more."""
        if not start.run_id.int:
            self._state = start.model_copy(update={"run_id": workflow.uuid4()})
        while True:
            done = await self._batch()
            if done is None:
                return await self._end(aborted=True)
            self._count(done)
            if done.is_last:
                return await self._end(aborted=False)
            if self._state.batches % self._state.batches_per_run == 0:
                workflow.continue_as_new(self._state)

    async def _batch(self) -> BatchDone | None:
        """The next batch; None when it cannot be done."""
        number, store_id = self._state.batches, self._state.store_id
        request = OrderBatch(store_id=store_id, run_id=self._state.run_id, claim=workflow.uuid4())
        try:
            return await steps.IMPORT_BATCH.run(
                request, id=f"batch-{number}", summary=f"batch {number + 1}", fairness_key=str(store_id)
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("batch given up", extra={"reason": wire_type(error)})
            return None

    def _count(self, done: BatchDone) -> None:
        tally = self._state.tally.plus(done.tally)
        self._state = self._state.model_copy(update={"tally": tally, "batches": self._state.batches + 1})
        workflow.set_current_details(f"{tally.processed:,} receipts tried, {tally.success:,} imported")

    async def _end(self, *, aborted: bool) -> Tally:
        state = self._state
        end = StoreOrdersEnd(store_id=state.store_id, run_id=state.run_id, tally=state.tally, aborted=aborted)
        await steps.END_STORE_ORDERS.run(end, id="end", summary="tell the end", fairness_key=str(state.store_id))
        return state.tally
