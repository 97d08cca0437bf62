"""AccountWorkflow: the entity that works off what is pending for one seller's CardTrader account.

Deterministic and thin. A turn is one batch of inbox events (take, read their blueprints again, settle), then one step
with the seller's changes (send, follow, settle, verify), so that neither can starve the other. Where the changes stand
is in the database alone: whoever takes the next step there finds out what it is. When nothing is left the workflow
waits a little and ends, and the next signal-with-start revives it. Signals carry no data, so none can be lost with
one. Continues as new after a planned number of turns.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import workflows.cards.steps as steps
    from domain.cards.sync_errors import code_for
    from workflows.cards.contracts import (
        ACCOUNT_WORKFLOW,
        CHANGES_PENDING,
        EVENTS_PENDING,
        LOOK_NOW,
        AccountRef,
        AccountState,
        ChangeBatch,
        ChangeStep,
        ChangeWork,
        EventBatch,
        Progressed,
        SuspendAccount,
    )
    from workflows.policies import LINK_ERRORS
    from workflows.steps import Step, wire_type
    from workflows.versions import continue_on_current_build, is_superseded

_CHANGE_STEPS: dict[ChangeWork, tuple[Step[ChangeBatch, Progressed], str]] = {
    "send": (steps.SEND_CHANGES, "send"),
    "follow": (steps.FOLLOW_JOB, "follow the job of"),
    "settle": (steps.SETTLE_CHANGES, "find out what became of"),
    "verify": (steps.VERIFY_CHANGES, "verify"),
}


@workflow.defn(name=ACCOUNT_WORKFLOW)
class AccountWorkflow:
    """Started with id `account:{user_id}`: the single writer towards the account, apart from purchases."""

    @workflow.init
    def __init__(self, start: AccountState) -> None:
        self._state = start
        self._ref = AccountRef(user_id=start.user_id)
        self._fairness = str(start.user_id)
        self._events = start.events_pending
        self._changes = start.changes_pending
        self._turns_here = 0

    @workflow.signal(name=EVENTS_PENDING, description="Events wait in the inbox")
    def events_pending(self) -> None:
        """Look into the inbox."""
        self._events = True

    @workflow.signal(name=CHANGES_PENDING, description="Changes wait to be sent")
    def changes_pending(self) -> None:
        """Look for changes."""
        self._changes = True

    @workflow.update(name=LOOK_NOW, description="Look for events and changes now; answers once a worker has heard it")
    def look_now(self) -> int:
        """Batches and steps so far: a later answer that is higher shows that work went on."""
        self._events = self._changes = True
        return self._state.rounds

    @workflow.query(description="Batches and steps worked off since the workflow came alive")
    def rounds(self) -> int:
        """Over all runs of the chain."""
        return self._state.rounds

    @workflow.run
    async def run(self, start: AccountState) -> None:
        """Work until nothing has been pending for `idle_seconds`, or the account must be linked again."""
        while await self._wait_for_work(start.idle_seconds):
            try:
                await self._turn()
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                if wire_type(error) in LINK_ERRORS:
                    await self._suspend(error)
                    return
                await self._pause(error)
            self._continue_if_due()

    async def _wait_for_work(self, seconds: int) -> bool:
        if not self._has_work():
            with suppress(TimeoutError):
                await workflow.wait_condition(self._has_work, timeout=timedelta(seconds=seconds))
        # A signal may have come with the very task that ended the wait.
        return self._has_work()

    def _has_work(self) -> bool:
        return self._events or self._changes

    async def _turn(self) -> None:
        """Events first: what they lower must not wait for a long job."""
        if self._events:
            # Before looking: what is signalled while this batch is worked on is looked for in the next turn.
            self._events = False
            if await self._event_batch():
                self._events = True
        if self._changes:
            self._changes = False
            if await self._change_step():
                self._changes = True

    async def _event_batch(self) -> bool:
        """One batch; a full inbox keeps itself pending."""
        batch = await steps.TAKE_EVENTS.run(
            self._ref, id=self._id("take"), summary="look into the inbox", fairness_key=self._fairness
        )
        if not batch.event_ids:
            return False
        self._note(f"{len(batch.event_ids)} events")
        await self._reread(batch)
        await steps.SETTLE_EVENTS.run(
            batch, id=self._id("settle"), summary="note the outcome", fairness_key=self._fairness
        )
        return True

    async def _reread(self, batch: EventBatch) -> None:
        await steps.REREAD_EVENTS.run(
            batch,
            id=self._id("reread"),
            summary=f"read again what {len(batch.event_ids)} events changed",
            fairness_key=self._fairness,
        )

    async def _change_step(self) -> bool:
        """The next step, one bulk call at most; whether another may follow."""
        step = await steps.TAKE_CHANGES.run(
            self._ref, id=self._id("take-changes"), summary="look for changes", fairness_key=self._fairness
        )
        if step.wait_seconds and await self._events_within(step.wait_seconds):
            return True
        if step.batch_id is None:
            await self._reread_uncertain(step)
            return False
        self._note(f"{step.work} {step.changes} changes")
        called, verb = _CHANGE_STEPS[step.work]
        await called.run(
            ChangeBatch(user_id=step.user_id, batch_id=step.batch_id),
            id=self._id(f"{step.work}-changes"),
            summary=f"{verb} {step.changes} changes",
            fairness_key=self._fairness,
        )
        return True

    async def _events_within(self, seconds: int) -> bool:
        with suppress(TimeoutError):
            await workflow.wait_condition(lambda: self._events, timeout=timedelta(seconds=seconds))
        return self._events

    async def _reread_uncertain(self, step: ChangeStep) -> None:
        """Rows left without anybody who settles them, as by a cancelled change; once, whether or not it helps."""
        if step.work == "reread":
            await steps.REREAD_UNCERTAIN.run(
                self._ref, id=self._id("reread-rows"), summary="read uncertain rows again", fairness_key=self._fairness
            )

    def _note(self, doing: str) -> None:
        self._state = self._state.model_copy(update={"rounds": self._state.rounds + 1})
        workflow.set_current_details(f"round {self._state.rounds}: {doing}")

    async def _suspend(self, error: ActivityError) -> None:
        """What is pending stays so; linking the account again lets the relay take it up."""
        request = SuspendAccount(user_id=self._state.user_id, code=code_for(wire_type(error)))
        await steps.SUSPEND_ACCOUNT.run(
            request, id=self._id("suspend"), summary=f"tell the seller: {request.code}", fairness_key=self._fairness
        )

    async def _pause(self, error: ActivityError) -> None:
        """A step's whole budget is spent: it is tried again after a while. To look in vain costs little."""
        workflow.logger.warning("account could not be worked on", extra={"reason": wire_type(error)})
        self._events = self._changes = True
        await workflow.sleep(self._state.pause_seconds)

    def _continue_if_due(self) -> None:
        """The one safe point: no activity runs, and what signals said since is carried along."""
        self._turns_here += 1
        due = self._turns_here >= self._state.rounds_per_run or is_superseded()
        if due or workflow.info().is_continue_as_new_suggested():
            pending = {"events_pending": self._events, "changes_pending": self._changes}
            continue_on_current_build(self._state.model_copy(update=pending))

    def _id(self, step: str) -> str:
        return f"{step}-{self._turns_here}"
