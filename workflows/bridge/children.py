"""PendingChildrenWorkflow: children whose parent has come, or whose next try is due, synchronised at last.

Deterministic and thin. A round registers one batch for each entity with children that are due, parents before
children, and runs them as child workflows, one after the other; a batch may bring the parents of others, so rounds
go on until one finds nothing. A schedule starts it every five minutes, the end of a batch whose rows were waited for
at once. What a signal says is only that there is something to look for, so none can be lost with one.
"""

from __future__ import annotations

from typing import Final

from temporalio import workflow
from temporalio.common import Priority
from temporalio.exceptions import ChildWorkflowError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    import workflows.bridge.steps as steps
    from workflows.bridge.contracts import (
        BRIDGE_BATCH_WORKFLOW,
        MEMO_BATCH,
        PARENTS_ARRIVED,
        PENDING_CHILDREN_WORKFLOW,
        BatchResult,
        BatchRun,
        ChildrenState,
        Round,
        bridge_batch_id,
        bridge_fairness,
    )
    from workflows.bridge.starting import batch_attributes, batch_summary
    from workflows.task_queues import HIGH_PRIORITY

MOST_ROUNDS: Final = 20
_FAIRNESS: Final = "bridge-children"


@workflow.defn(name=PENDING_CHILDREN_WORKFLOW)
class PendingChildrenWorkflow:
    """One at a time."""

    @workflow.init
    def __init__(self, start: ChildrenState) -> None:
        self._state = start
        self._arrived = False

    @workflow.signal(name=PARENTS_ARRIVED, description="Rows came that children wait for")
    def parents_arrived(self) -> None:
        """Look again."""
        self._arrived = True

    @workflow.query(description="Rounds and batches so far")
    def progress(self) -> ChildrenState:
        """Over all runs of the chain."""
        return self._state

    @workflow.run
    async def run(self, start: ChildrenState) -> ChildrenState:
        """One round; the next one is another run. Ends when a round finds nothing, or brought no batch to its end."""
        before = self._state.batches
        went_well = await self._round()
        found = self._state.batches > before
        if self._arrived or (found and went_well and start.rounds < MOST_ROUNDS):
            workflow.continue_as_new(self._state)
        return self._state

    async def _round(self) -> bool:
        """Whether every batch came to its end: one that did not would be found again at once, and for ever."""
        due = await steps.OPEN_CHILDREN_BATCHES.run(
            Round(), id="due", summary="look for children that are due", fairness_key=_FAIRNESS
        )
        ended = [await self._batch(run) for run in due.batches]
        self._state = ChildrenState(rounds=self._state.rounds + 1, batches=self._state.batches + len(ended))
        workflow.set_current_details(f"{self._state.batches} batches in {self._state.rounds} rounds")
        return all(ended)

    async def _batch(self, run: BatchRun) -> bool:
        """False when it failed (its row says why), or waits: another batch of the entity is under way."""
        try:
            await workflow.execute_child_workflow(
                BRIDGE_BATCH_WORKFLOW,
                run,
                result_type=BatchResult,
                id=bridge_batch_id(run.source_system, run.entity_name),
                task_queue=HIGH_PRIORITY,
                parent_close_policy=ParentClosePolicy.ABANDON,
                memo={MEMO_BATCH: str(run.batch_uid)},
                static_summary=batch_summary(run),
                search_attributes=batch_attributes(run),
                priority=Priority(fairness_key=bridge_fairness(run.source_system, run.entity_name)),
            )
        except (ChildWorkflowError, WorkflowAlreadyStartedError):
            if workflow.cancellation_reason() is not None:
                raise
            workflow.logger.warning("children were not synchronised", extra={"entity": run.entity_name})
            return False
        return True
