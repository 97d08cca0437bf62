"""PurchaseWorkflow: one purchase of a reserved item, from the reservation to CardTrader and back.

Deterministic and thin: the saga's states (reserved, taking, sending, purchased or refused) are committed one by one
by its only activity, whose every attempt goes on where the last one stopped. The first attempt is part of the
workflow task, because a buyer waits; what that does not decide is retried, with a heartbeat, until it is decided.
The compensation is a state too: refused, with a reason.
"""

from __future__ import annotations

from typing import Final

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    import workflows.cards.steps as steps
    from workflows.cards.contracts import PURCHASE_WORKFLOW, PurchaseOutcome, PurchaseRef

# Well below the ten seconds that a workflow task may take.
_AT_ONCE: Final = 5.0


@workflow.defn(name=PURCHASE_WORKFLOW)
class PurchaseWorkflow:
    """Started with id `purchase:{user_id}:{idempotency key}` once the copies are reserved."""

    @workflow.run
    async def run(self, ref: PurchaseRef) -> PurchaseOutcome:
        """Decide the purchase."""
        try:
            return await steps.TAKE_COPIES.try_here(ref, id="try", summary="take the copies at once", seconds=_AT_ONCE)
        except FailureError as error:
            if is_cancelled_exception(error):
                raise
        return await steps.TAKE_COPIES.run(
            ref, id="take", summary="take the copies off CardTrader", fairness_key=str(ref.user_id)
        )
