"""AccountWorkflow: the entity that works off what is pending for one seller's CardTrader account.

Deterministic and thin: take a batch of inbox events, read their blueprints again, settle them, until nothing is
left; then it waits a little and ends, and the next signal-with-start revives it. Signals carry no data, so none can
be lost with one: every run looks into the inbox first. Continues as new after a planned number of batches.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from domain.cards.sync_errors import code_for
    from workflows.cards import steps
    from workflows.cards.contracts import (
        ACCOUNT_WORKFLOW,
        EVENTS_PENDING,
        AccountRef,
        AccountState,
        EventBatch,
        SuspendAccount,
    )
    from workflows.policies import LINK_ERRORS
    from workflows.steps import wire_type


@workflow.defn(name=ACCOUNT_WORKFLOW)
class AccountWorkflow:
    """Started with id `account:{user_id}`: the single writer of the account's settled stock."""

    @workflow.init
    def __init__(self, start: AccountState) -> None:
        self._state = start
        self._ref = AccountRef(user_id=start.user_id)
        self._fairness = str(start.user_id)
        self._pending = start.events_pending
        self._rounds_here = 0

    @workflow.signal(name=EVENTS_PENDING, description="Events wait in the inbox")
    def events_pending(self) -> None:
        """Look into the inbox."""
        self._pending = True

    @workflow.query(description="Batches worked off since the workflow came alive")
    def rounds(self) -> int:
        """Over all runs of the chain."""
        return self._state.rounds

    @workflow.run
    async def run(self, start: AccountState) -> None:
        """Work until nothing has been pending for `idle_seconds`, or the account must be linked again."""
        while await self._wait_for_work(start.idle_seconds):
            # Before looking: what is signalled while this round runs is looked for in the next.
            self._pending = False
            try:
                await self._round()
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                if wire_type(error) in LINK_ERRORS:
                    await self._suspend(error)
                    return
                await self._pause(error)
            self._continue_if_due()

    async def _wait_for_work(self, seconds: int) -> bool:
        if not self._pending:
            with suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._pending, timeout=timedelta(seconds=seconds))
        # A signal may have come with the very task that ended the wait.
        return self._pending

    async def _round(self) -> None:
        """One batch; a full inbox keeps itself pending."""
        batch = await steps.TAKE_EVENTS.run(
            self._ref, id=self._id("take"), summary="look into the inbox", fairness_key=self._fairness
        )
        if not batch.event_ids:
            return
        self._pending = True
        self._state = self._state.model_copy(update={"rounds": self._state.rounds + 1})
        workflow.set_current_details(f"batch {self._state.rounds}: {len(batch.event_ids)} events")
        await self._reread(batch)
        await steps.SETTLE_EVENTS.run(
            batch, id=self._id("settle"), summary="note the outcome", fairness_key=self._fairness
        )

    async def _reread(self, batch: EventBatch) -> None:
        await steps.REREAD_EVENTS.run(
            batch,
            id=self._id("reread"),
            summary=f"read again what {len(batch.event_ids)} events changed",
            fairness_key=self._fairness,
        )

    async def _suspend(self, error: ActivityError) -> None:
        """The events stay pending; linking the account again lets the relay take them up."""
        request = SuspendAccount(user_id=self._state.user_id, code=code_for(wire_type(error)))
        await steps.SUSPEND_ACCOUNT.run(
            request, id=self._id("suspend"), summary=f"tell the seller: {request.code}", fairness_key=self._fairness
        )

    async def _pause(self, error: ActivityError) -> None:
        """A round's whole budget is spent: the events stay pending, and are tried again after a while."""
        workflow.logger.warning("events were not read again", extra={"reason": wire_type(error)})
        self._pending = True
        await workflow.sleep(self._state.pause_seconds)

    def _continue_if_due(self) -> None:
        """The one safe point: no activity runs, and what signals said since is carried along."""
        self._rounds_here += 1
        due = self._rounds_here >= self._state.rounds_per_run
        if due or workflow.info().is_continue_as_new_suggested():
            workflow.continue_as_new(self._state.model_copy(update={"events_pending": self._pending}))

    def _id(self, step: str) -> str:
        return f"{step}-{self._rounds_here}"
