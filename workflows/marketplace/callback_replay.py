"""CallbackReplayWorkflow: a range of an endpoint's events is sent once more, page by page.

Deterministic and thin: how far it is, is in the database, committed with each event that arrived. A replay that
cannot go on is stopped, says why, and goes on behind the last one that arrived when it is resumed.
"""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import workflows.marketplace.steps as steps
    from workflows.marketplace.contracts import CALLBACK_REPLAY_WORKFLOW, ReplayRef


@workflow.defn(name=CALLBACK_REPLAY_WORKFLOW)
class CallbackReplayWorkflow:
    """Started with id `callback-replay:{replay_id}`."""

    @workflow.run
    async def run(self, ref: ReplayRef) -> None:
        """Pages until the last."""
        for number in range(ref.pages_per_run):
            try:
                page = await steps.REPLAY_PAGE.run(
                    ref, id=f"page-{number}", summary=f"page {number + 1}", fairness_key=ref.fairness
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                await steps.STOP_REPLAY.run(ref, id="stop", summary="stop the replay", fairness_key=ref.fairness)
                return
            if page.is_last:
                return
        workflow.continue_as_new(ref)
