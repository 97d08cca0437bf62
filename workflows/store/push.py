"""StorePushWorkflow: the entity that brings a shop's movements to central, and central's to the shop.

Deterministic and thin. A turn is one pass over the queue, then one page of reading back. What is pending, how often it
was tried and when it is due again is in the database alone; signals carry nothing, so none can be lost with one, and
to be woken in vain costs a look. When nothing is left the workflow waits a little and ends; the next signal-with-start
revives it. Continues as new after a planned number of passes.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import workflows.store.steps as steps
    from workflows.steps import wire_type
    from workflows.store.contracts import (
        CHANGES_PENDING,
        STORE_PUSH_WORKFLOW,
        PushReport,
        StorePushState,
        StoreRef,
    )
    from workflows.versions import continue_on_current_build, is_superseded


@workflow.defn(name=STORE_PUSH_WORKFLOW)
class StorePushWorkflow:
    """Started with id `store-push:{store_id}`: the single writer of a shop towards central."""

    @workflow.init
    def __init__(self, start: StorePushState) -> None:
        self._state = start
        self._ref = StoreRef(store_id=start.store_id)
        self._pending = start.pending
        self._passes_here = 0

    @workflow.signal(name=CHANGES_PENDING, description="Movements wait to be pushed, or waits are over")
    def changes_pending(self) -> None:
        """Look into the queue."""
        self._pending = True

    @workflow.query(description="Passes since the workflow came alive")
    def passes(self) -> int:
        """Over all runs of the chain."""
        return self._state.passes

    @workflow.run
    async def run(self, start: StorePushState) -> None:
        """Work until nothing has been pending for `idle_seconds`."""
        while await self._wait_for_work(start.idle_seconds):
            # Before looking: what is signalled during the pass is looked for in the next one.
            self._pending = False
            try:
                await self._turn()
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                await self._pause(error)
            self._continue_if_due()

    async def _wait_for_work(self, seconds: int) -> bool:
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._pending, timeout=timedelta(seconds=seconds))
        # A signal may have come with the very task that ended the wait.
        return self._pending

    async def _turn(self) -> None:
        report = await steps.PUSH_CHANGES.run(
            self._ref,
            id=f"push-{self._passes_here}",
            summary="push what is due to central",
            fairness_key=self._ref.store_id,
        )
        self._note(report)
        if report.more:
            self._pending = True
        elif report.wait_seconds:
            await self._wait_until_due(report.wait_seconds)
        elif report.to_read:
            await self._read()

    async def _read(self) -> None:
        """One page, so that no sale waits for the reading of a large shop."""
        read = await steps.READ_STOCK.run(
            self._ref,
            id=f"read-{self._passes_here}",
            summary="read back what central has",
            fairness_key=self._ref.store_id,
        )
        self._pending = self._pending or read.more

    async def _wait_until_due(self, seconds: int) -> None:
        """Or until a signal, which may mean that the wait is over; a long wait is the relay's."""
        if seconds > self._state.longest_wait_seconds:
            return
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._pending, timeout=timedelta(seconds=seconds))
        self._pending = True

    async def _pause(self, error: ActivityError) -> None:
        """A pass' whole budget is spent: it is tried again after a while."""
        workflow.logger.warning("store could not be worked on", extra={"reason": wire_type(error)})
        self._pending = True
        await workflow.sleep(self._state.pause_seconds)

    def _note(self, report: PushReport) -> None:
        self._state = self._state.model_copy(update={"passes": self._state.passes + 1})
        workflow.set_current_details(
            f"pass {self._state.passes}: {report.pushed} pushed, {report.conflicts} conflicts, "
            f"{report.failures} not done, next in {report.wait_seconds} s"
        )

    def _continue_if_due(self) -> None:
        """The one safe point: no activity runs, and what a signal said since is carried along."""
        self._passes_here += 1
        due = self._passes_here >= self._state.passes_per_run or is_superseded()
        if due or workflow.info().is_continue_as_new_suggested():
            continue_on_current_build(self._state.model_copy(update={"pending": self._pending}))
