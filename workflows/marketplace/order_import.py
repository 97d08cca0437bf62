"""OrderImportWorkflow: one attempt at one receipt, for somebody who waits.

Deterministic and thin. Whoever asks for the receipt meanwhile joins it, so that the marketplace is called once; what
it finds is in the database. An attempt that cannot be made is left to the sweep: the receipt is registered already.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.marketplace.steps as steps
    from workflows.marketplace.contracts import ORDER_IMPORT_WORKFLOW, ReceiptOutcome, ReceiptRef


@workflow.defn(name=ORDER_IMPORT_WORKFLOW)
class OrderImportWorkflow:
    """Started with id `order-import:{store_id}:{receipt}`."""

    @workflow.run
    async def run(self, ref: ReceiptRef) -> ReceiptOutcome:
        """Ask the marketplace, unless it is settled."""
        # The claim outlives a worker: the next attempt of the activity is the same holder.
        claimed = ref.model_copy(update={"claim": workflow.uuid4()})
        return await steps.IMPORT_RECEIPT.run(
            claimed, id="import", summary="ask the marketplace", fairness_key=str(ref.store_id)
        )
