"""The activity of a purchase without any system behind it: it decides what it is told to.

Imported by tests that run workflows, so it imports no database code.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from workflows.cards.contracts import PurchaseOutcome, PurchaseRef
from workflows.cards.purchase import PurchaseWorkflow
from workflows.cards.purchasing import start_purchase
from workflows.task_queues import HIGH_PRIORITY

USER = UUID("00000000-0000-4000-8000-000000000003")


class FakeTill:
    """Decides what it is told to, after the errors it is told to raise."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.outcome = PurchaseOutcome(purchased=True)
        self.attempts = 0
        self.seen: set[UUID] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    @activity.defn(name="take_copies")
    async def take_copies(self, ref: PurchaseRef) -> PurchaseOutcome:
        self.attempts += 1
        self.seen.add(ref.operation_id)
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return self.outcome


@asynccontextmanager
async def serving(client: Client, till: FakeTill) -> AsyncIterator[None]:
    """A worker of the queue that both the workflow and its activity are on."""
    async with Worker(client, task_queue=HIGH_PRIORITY, workflows=[PurchaseWorkflow], activities=[till.take_copies]):
        yield


async def start(client: Client, key: str, operation_id: UUID | None = None) -> WorkflowHandle[object, PurchaseOutcome]:
    """As the facade and the relay do."""
    return await start_purchase(client, USER, operation_id or uuid4(), key, timeout=timedelta(seconds=5))
