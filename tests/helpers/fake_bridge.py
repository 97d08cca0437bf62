"""The activities of batches, nights and children without any system behind them.

Imported by tests that run workflows: see `tests.helpers.scripted`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers.scripted import Scripted
from workflows.bridge.background import BackgroundSyncWorkflow
from workflows.bridge.batch import BridgeBatchWorkflow
from workflows.bridge.children import PendingChildrenWorkflow
from workflows.bridge.contracts import (
    Abort,
    BatchPlan,
    BatchRef,
    BatchResult,
    BatchRun,
    ChildrenBatches,
    Ended,
    Fetched,
    NextPage,
    NightLost,
    NightOpened,
    NightRef,
    NightStep,
    PageCounts,
    PageRef,
    Round,
)
from workflows.bridge.starting import start_batch
from workflows.task_queues import BULK_SYNC, DEFAULT, HIGH_PRIORITY

BATCH = UUID("00000000-0000-4000-8000-000000000011")
SCHEDULE = UUID("00000000-0000-4000-8000-000000000012")
WORKFLOWS = (BackgroundSyncWorkflow, BridgeBatchWorkflow, PendingChildrenWorkflow)
_CALL = timedelta(seconds=10)

ByQueue = dict[str, list[Callable[..., Any]]]


class Fake(Protocol):
    """Whatever answers activities."""

    def by_queue(self) -> ByQueue:
        """The activities by the queue they are called on."""


class FakeBatches(Scripted):
    """Pages of `number` rows, so that a page counted twice or never shows in the sums."""

    def __init__(self, *, pages: int = 3, **plan: Any) -> None:
        super().__init__()
        self.pages = pages
        self.plan = BatchPlan(**plan)
        self.parents_arrived = 0
        self.processed: Counter[int] = Counter()
        self.most_ahead = 0
        self._begun = 0

    @activity.defn(name="begin_batch")
    async def begin_batch(self, ref: BatchRef) -> BatchPlan:
        await self.step(ref)
        return self.plan

    @activity.defn(name="fetch_page")
    async def fetch_page(self, page: PageRef) -> Fetched:
        self._begun += 1
        self.most_ahead = max(self.most_ahead, self._begun - self.processed.total())
        await self.step(page)
        return Fetched(rows=page.page_no, last=page.page_no == self.pages, reported=sum(range(self.pages + 1)))

    @activity.defn(name="process_page")
    async def process_page(self, page: PageRef) -> PageCounts:
        await self.step(page)
        await asyncio.sleep(0)
        self.processed[page.page_no] += 1
        return PageCounts(rows=page.page_no, inserted=page.page_no)

    @activity.defn(name="finish_batch")
    async def finish_batch(self, ref: BatchRef) -> Ended:
        await self.step(ref)
        return Ended(parents_arrived=self.parents_arrived)

    @activity.defn(name="abort_batch")
    async def abort_batch(self, request: Abort) -> None:
        await self.step(request)

    @activity.defn(name="wake_children")
    async def wake_children(self, ref: BatchRef) -> None:
        await self.step(ref)

    def by_queue(self) -> ByQueue:
        """The activities by the queue they are called on."""
        return {
            HIGH_PRIORITY: [],
            BULK_SYNC: [self.fetch_page, self.process_page],
            DEFAULT: [self.begin_batch, self.finish_batch, self.abort_batch, self.wake_children],
        }


class FakeNight(FakeBatches):
    """One night that is open for so many pages, each of `rows` rows; `pages` is where the source ends."""

    def __init__(self, *, tonight: int = 2, rows: int = 10, is_open: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.tonight = tonight
        self.rows = rows
        self.is_open = is_open

    @activity.defn(name="open_night")
    async def open_night(self, ref: NightRef) -> NightOpened:
        await self.step(ref)
        return NightOpened(is_open=self.is_open)

    @activity.defn(name="next_page")
    async def next_page(self, request: NextPage) -> NightStep:
        await self.step(request)
        if request.last:
            return NightStep(completed=True)
        return NightStep(rows=self.rows if request.page_no <= self.tonight else 0)

    @activity.defn(name="close_night")
    async def close_night(self, lost: NightLost) -> None:
        await self.step(lost)

    def by_queue(self) -> ByQueue:
        """The activities by the queue they are called on."""
        queues = super().by_queue()
        queues[DEFAULT] += [self.open_night, self.next_page, self.close_night]
        return queues


class FakeChildren(FakeBatches):
    """Rounds of batches that are due, by entity; a batch has one page."""

    def __init__(self, *rounds: Sequence[str]) -> None:
        super().__init__(pages=1)
        self.rounds = [list(entities) for entities in rounds]
        self.looks = 0

    @activity.defn(name="open_children_batches")
    async def open_children_batches(self, look: Round) -> ChildrenBatches:
        await self.step(look)
        self.looks += 1
        due = self.rounds.pop(0) if self.rounds else []
        return ChildrenBatches(batches=[children_run(entity) for entity in due])

    def by_queue(self) -> ByQueue:
        """The activities by the queue they are called on."""
        queues = super().by_queue()
        queues[DEFAULT].append(self.open_children_batches)
        return queues


def children_run(entity: str) -> BatchRun:
    """A batch of children; its uid is made of the entity's name."""
    uid = UUID(bytes=entity.encode().rjust(16, b"\0"))
    return BatchRun(batch_uid=uid, source_system="erp", entity_name=entity, sync_type="children")


@asynccontextmanager
async def serving(client: Client, fake: Fake, **options: Any) -> AsyncIterator[None]:
    """A worker per queue, shut down without grace at the end."""
    async with AsyncExitStack() as stack:
        for queue, activities in fake.by_queue().items():
            workflows = WORKFLOWS if queue == HIGH_PRIORITY else ()
            chosen = options if workflows else {}
            await stack.enter_async_context(
                Worker(client, task_queue=queue, workflows=workflows, activities=activities, **chosen)
            )
        yield


async def begin(client: Client, run: BatchRun) -> WorkflowHandle[object, BatchResult]:
    """Start a batch as the facade does."""
    return await start_batch(client, run, timeout=_CALL)
