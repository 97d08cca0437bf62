"""The activities of the marketplace's workflows without any system behind them.

Imported by tests that run workflows, so it imports no database code.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers.scripted import Scripted
from workflows.marketplace.contracts import (
    BatchDone,
    CallbackRef,
    DeliveryRound,
    OrderBatch,
    OrderSweep,
    ReceiptOutcome,
    ReceiptRef,
    ReplayPage,
    ReplayRef,
    StoreOrdersEnd,
    SweepStarted,
    Tally,
)
from workflows.marketplace.registry import MARKETPLACE_WORKFLOWS
from workflows.task_queues import DEFAULT, HIGH_PRIORITY

STORE = UUID("00000000-0000-4000-8000-000000000011")
LOG = UUID("00000000-0000-4000-8000-000000000012")
EVENT = UUID("00000000-0000-4000-8000-000000000013")
REPLAY = UUID("00000000-0000-4000-8000-000000000014")


class FakeMarketplace(Scripted):
    """Answers what it is told to, the last answer for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = [BatchDone()]
        self.rounds = [DeliveryRound()]
        self.pages = [ReplayPage()]

    @activity.defn(name="import_receipt")
    async def import_receipt(self, ref: ReceiptRef) -> ReceiptOutcome:
        await self.step(ref)
        return ReceiptOutcome(status="success")

    @activity.defn(name="import_batch")
    async def import_batch(self, batch: OrderBatch) -> BatchDone:
        await self.step(batch)
        return self.batches.pop(0)

    @activity.defn(name="end_store_orders")
    async def end_store_orders(self, end: StoreOrdersEnd) -> None:
        await self.step(end)

    @activity.defn(name="sweep_stores")
    async def sweep_stores(self, sweep: OrderSweep) -> SweepStarted:
        await self.step(sweep)
        return SweepStarted(stores=3)

    @activity.defn(name="deliver_event")
    async def deliver_event(self, ref: CallbackRef) -> DeliveryRound:
        await self.step(ref)
        return self.rounds.pop(0)

    @activity.defn(name="replay_page")
    async def replay_page(self, ref: ReplayRef) -> ReplayPage:
        await self.step(ref)
        return self.pages.pop(0)

    @activity.defn(name="stop_replay")
    async def stop_replay(self, ref: ReplayRef) -> None:
        await self.step(ref)


def batch(success: int, *, is_last: bool = False) -> BatchDone:
    """So many imported."""
    return BatchDone(tally=Tally(processed=success, success=success), is_last=is_last)


@asynccontextmanager
async def serving(client: Client, fake: FakeMarketplace) -> AsyncIterator[None]:
    """Workers of both queues."""
    slow: list[Any] = [
        *(fake.import_batch, fake.end_store_orders, fake.sweep_stores),
        *(fake.deliver_event, fake.replay_page, fake.stop_replay),
    ]
    async with AsyncExitStack() as workers:
        high = Worker(
            client, task_queue=HIGH_PRIORITY, workflows=MARKETPLACE_WORKFLOWS, activities=[fake.import_receipt]
        )
        await workers.enter_async_context(high)
        await workers.enter_async_context(Worker(client, task_queue=DEFAULT, activities=slow))
        yield


async def run(client: Client, workflow: str, request: Any, id: str) -> WorkflowHandle[Any, Any]:
    """Start one and wait for its end."""
    handle: WorkflowHandle[Any, Any] = await client.start_workflow(workflow, request, id=id, task_queue=HIGH_PRIORITY)
    await handle.result()
    return handle


async def chain(client: Client, handle: WorkflowHandle[Any, Any]) -> list[WorkflowHandle[Any, Any]]:
    """Every run of it, first to last."""
    runs, run_id = [], handle.first_execution_run_id
    while run_id:
        runs.append(client.get_workflow_handle(handle.id, run_id=run_id))
        *_, last = (await runs[-1].fetch_history()).events
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None
    return runs
