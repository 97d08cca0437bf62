"""The activities of a shop's workflow without any system behind them: a queue that tests fill, reports they script.

Imported by tests that run workflows, so it imports no database code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from workflows.store.contracts import (
    CHANGES_PENDING,
    STORE_PUSH_WORKFLOW,
    STORE_SWEEP_WORKFLOW,
    PushReport,
    StockRead,
    StorePage,
    StorePushState,
    StoreRef,
    StoresSwept,
    SweptStores,
    store_push_id,
)
from workflows.store.push import StorePushWorkflow
from workflows.store.sweep import StoreSweepWorkflow
from workflows.task_queues import DEFAULT, HIGH_PRIORITY


class FakeQueue:
    """Movements by number; `waits` are answered instead of pushing, one after the other."""

    def __init__(self, batch: int = 10) -> None:
        self.batch = batch
        self.waiting: list[int] = []
        self.pushed: list[int] = []
        self.passes = 0
        self.waits: list[int] = []
        self.failures: list[Exception] = []
        self.unread = 0
        self.pages = 0
        self.shops = [f"shop-{number}" for number in range(3)]
        self.gate = asyncio.Event()
        self.gate.set()

    @activity.defn(name="push_changes")
    async def push_changes(self, ref: StoreRef) -> PushReport:
        self.passes += 1
        taken = self.waiting[: self.batch]
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.waits:
            return PushReport(store_id=ref.store_id, wait_seconds=self.waits.pop(0))
        self.waiting = self.waiting[len(taken) :]
        self.pushed += taken
        self.unread += len(taken)
        return PushReport(store_id=ref.store_id, pushed=len(taken), more=bool(self.waiting), to_read=self.unread > 0)

    @activity.defn(name="read_stock")
    async def read_stock(self, ref: StoreRef) -> StockRead:
        self.pages += 1
        items = min(self.unread, self.batch)
        self.unread -= items
        return StockRead(store_id=ref.store_id, items=items, more=self.unread > 0)

    @activity.defn(name="wake_stores")
    async def wake_stores(self, page: StorePage) -> SweptStores:
        if self.failures:
            raise self.failures.pop(0)
        left = [shop for shop in self.shops if shop > page.after][:2]
        after = left[-1] if left else page.after
        return SweptStores(stores=len(left), after=after, is_last=len(left) < 2)


@asynccontextmanager
async def serving(client: Client, fake: FakeQueue) -> AsyncIterator[None]:
    """Workers of both queues; no workflow is kept in the cache, so that every task replays the history."""
    workflows = [StorePushWorkflow, StoreSweepWorkflow]
    activities: list[Callable[..., Any]] = [fake.push_changes, fake.read_stock, fake.wake_stores]
    async with (
        Worker(client, task_queue=HIGH_PRIORITY, workflows=workflows, max_cached_workflows=0),
        Worker(client, task_queue=DEFAULT, activities=activities),
    ):
        yield


async def alive(client: Client, **options: Any) -> WorkflowHandle[Any, Any]:
    """A workflow of a shop no other test uses, that ends after a second without work."""
    state = StorePushState(**{"store_id": f"shop-{uuid4().hex[:8]}", "idle_seconds": 1, "pause_seconds": 1, **options})
    return await client.start_workflow(
        STORE_PUSH_WORKFLOW,
        state,
        id=store_push_id(state.store_id),
        task_queue=HIGH_PRIORITY,
        start_signal=CHANGES_PENDING,
    )


async def swept(client: Client) -> WorkflowHandle[Any, StoresSwept]:
    """A sweep."""
    return await client.start_workflow(
        STORE_SWEEP_WORKFLOW,
        StorePage(),
        id=f"store-sweep-{uuid4().hex[:8]}",
        task_queue=HIGH_PRIORITY,
        result_type=StoresSwept,
    )
