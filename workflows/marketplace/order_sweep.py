"""OrderSweepWorkflow: finds the stores with due receipts and starts their workflows; one activity does both.

Deterministic and thin. The workflows of the stores are their own: a sweep that fails leaves them alone.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.marketplace.steps as steps
    from workflows.marketplace.contracts import ORDER_SWEEP_WORKFLOW, OrderSweep, SweepStarted


@workflow.defn(name=ORDER_SWEEP_WORKFLOW)
class OrderSweepWorkflow:
    """Started by the schedule `brx-store-orders`; one at a time."""

    @workflow.run
    async def run(self, sweep: OrderSweep) -> SweepStarted:
        """Look once."""
        return await steps.SWEEP_STORES.run(
            sweep, id="sweep", summary="start stores with due receipts", fairness_key="order-sweep"
        )
