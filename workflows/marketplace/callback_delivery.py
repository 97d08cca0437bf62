"""CallbackDeliveryWorkflow: one event, until every endpoint has it or is given up.

Deterministic and thin: rounds of what is due, and sleep until the next is. Which endpoint is due when, and when one is
given up, is in the database, per endpoint. An event whose endpoints are paused ends; it is started again on resumption.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.marketplace.steps as steps
    from workflows.marketplace.contracts import CALLBACK_DELIVERY_WORKFLOW, CallbackRef


@workflow.defn(name=CALLBACK_DELIVERY_WORKFLOW)
class CallbackDeliveryWorkflow:
    """Started with id `callback:{event_id}`."""

    @workflow.run
    async def run(self, ref: CallbackRef) -> None:
        """Rounds until nothing waits."""
        for number in range(ref.rounds, ref.rounds + ref.rounds_per_run):
            stands = await steps.DELIVER_EVENT.run(
                ref, id=f"round-{number}", summary=f"round {number + 1}", fairness_key=ref.fairness
            )
            if not stands.waiting:
                return
            workflow.set_current_details(f"{stands.waiting} endpoints wait for another attempt")
            await workflow.sleep(stands.next_in_seconds)
        workflow.continue_as_new(ref.model_copy(update={"rounds": ref.rounds + ref.rounds_per_run}))
