"""A careless change of the marketplace's workflows, which would stop running ones; and one that changes nothing."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.marketplace.contracts import STORE_ORDERS_WORKFLOW, StoreOrdersState, Tally

from workflows.marketplace.store_orders import StoreOrdersWorkflow


@workflow.defn(name=STORE_ORDERS_WORKFLOW)
class UnchangedStoreOrders(StoreOrdersWorkflow):
    """The control."""

    @workflow.init
    def __init__(self, start: StoreOrdersState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: StoreOrdersState) -> Tally:
        return await super().run(start)


@workflow.defn(name=STORE_ORDERS_WORKFLOW)
class Untold(StoreOrdersWorkflow):
    """The end is not told."""

    @workflow.init
    def __init__(self, start: StoreOrdersState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: StoreOrdersState) -> Tally:
        return await super().run(start)

    async def _end(self, *, aborted: bool) -> Tally:
        return self._state.tally
