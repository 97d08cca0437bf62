"""PurchaseWorkflow: one purchase of a reserved item, from the reservation to CardTrader and back.

Deterministic and thin: the saga's states (reserved, taking, sending, purchased or refused) are committed one by one
by its only activity, whose every attempt goes on where the last one stopped; so the buyer waits for one activity,
not for three. It is retried until the purchase is decided. The compensation is a state too: refused, with a reason.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.cards import steps
    from workflows.cards.contracts import PURCHASE_WORKFLOW, PurchaseOutcome, PurchaseRef


@workflow.defn(name=PURCHASE_WORKFLOW)
class PurchaseWorkflow:
    """Started with id `purchase:{user_id}:{idempotency key}` once the copies are reserved."""

    @workflow.run
    async def run(self, ref: PurchaseRef) -> PurchaseOutcome:
        """Decide the purchase."""
        return await steps.TAKE_COPIES.run(
            ref, id="take", summary="take the copies off CardTrader", fairness_key=str(ref.user_id)
        )
