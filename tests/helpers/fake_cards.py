"""The activities of a bulk sync without any system behind them: scripted by activity id, and counted.

Imported by tests that run workflows, so it imports no database code: the sandbox would load the driver's C
extension a second time and crash.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.worker import Worker

from tests.helpers.scripted import Scripted
from workflows import search_attributes
from workflows.cards.bulk_sync import BulkSyncWorkflow
from workflows.cards.contracts import (
    AbortSync,
    ApplyChunk,
    BulkSyncInput,
    ChunkLost,
    Counters,
    FinishSync,
    FoundOrders,
    Manifest,
    OperationRef,
    Reread,
    StageExport,
    SyncPlan,
    SyncResult,
    bulk_sync_id,
)
from workflows.task_queues import BULK_SYNC, DEFAULT, HIGH_PRIORITY

USER = UUID("00000000-0000-4000-8000-000000000001")
OPERATION = UUID("00000000-0000-4000-8000-000000000002")


class FakeCards(Scripted):
    """Answers every step; a chunk has `chunk_no + 1` rows, so that a chunk counted twice or never shows in the sums."""

    def __init__(self, *, chunks: int = 3, window: int = 8, chunks_per_run: int = 400) -> None:
        super().__init__()
        self.chunks = chunks
        self.plan = SyncPlan(window=window, chunks_per_run=chunks_per_run)
        self.applied: Counter[int] = Counter()
        self.most_in_flight = 0
        self._in_flight = 0

    @activity.defn(name="begin_sync")
    async def begin_sync(self, ref: OperationRef) -> SyncPlan:
        await self.step(ref)
        return self.plan

    @activity.defn(name="find_orders")
    async def find_orders(self, ref: OperationRef) -> FoundOrders:
        await self.step(ref)
        return FoundOrders(read=3, missed=1)

    @activity.defn(name="stage_export")
    async def stage_export(self, request: StageExport) -> Manifest:
        await self.step(request)
        return Manifest(chunk_count=self.chunks, product_count=sum(range(self.chunks + 1)), checksum="0" * 16)

    @activity.defn(name="apply_chunk")
    async def apply_chunk(self, request: ApplyChunk) -> Counters:
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            await self.step(request)
            await asyncio.sleep(0)
        finally:
            self._in_flight -= 1
        self.applied[request.chunk_no] += 1
        return Counters(rows=request.chunk_no + 1, created=request.chunk_no + 1)

    @activity.defn(name="lose_chunk")
    async def lose_chunk(self, request: ChunkLost) -> Counters:
        await self.step(request)
        return Counters(rows=request.chunk_no + 1, failed=request.chunk_no + 1)

    @activity.defn(name="reread_contested")
    async def reread_contested(self, ref: OperationRef) -> Reread:
        await self.step(ref)
        return Reread(blueprints=0)

    @activity.defn(name="finish_sync")
    async def finish_sync(self, request: FinishSync) -> SyncResult:
        await self.step(request)
        rows = sum(number + 1 for number in self.applied)
        status = "completed_with_errors" if request.failed_chunks else "completed"
        return SyncResult.model_validate({"status": status, "totals": {"rows": rows, "created": rows}})

    @activity.defn(name="abort_sync")
    async def abort_sync(self, request: AbortSync) -> None:
        await self.step(request)

    def by_queue(self) -> dict[str, list[Callable[..., Any]]]:
        """The activities by the queue they are called on."""
        return {
            HIGH_PRIORITY: [],
            BULK_SYNC: [self.stage_export, self.apply_chunk, self.reread_contested],
            DEFAULT: [self.begin_sync, self.find_orders, self.lose_chunk, self.finish_sync, self.abort_sync],
        }


@asynccontextmanager
async def serving(client: Client, fake: FakeCards, **options: Any) -> AsyncIterator[None]:
    """A worker per queue, shut down without grace at the end."""
    async with AsyncExitStack() as stack:
        for queue, activities in fake.by_queue().items():
            workflows = [BulkSyncWorkflow] if queue == HIGH_PRIORITY else []
            chosen = options if workflows else {}
            await stack.enter_async_context(
                Worker(client, task_queue=queue, workflows=workflows, activities=activities, **chosen)
            )
        yield


async def start_sync(client: Client, start: BulkSyncInput) -> WorkflowHandle[BulkSyncWorkflow, SyncResult]:
    """Start the workflow as the facade does."""
    return await client.start_workflow(
        BulkSyncWorkflow.run,
        start,
        id=bulk_sync_id(start.user_id),
        task_queue=HIGH_PRIORITY,
        search_attributes=TypedSearchAttributes([SearchAttributePair(search_attributes.USER_ID, str(start.user_id))]),
    )
