"""The runs of batches, nights and rounds of children whose histories are committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers import eventually
from tests.helpers.fake_bridge import BATCH, SCHEDULE, FakeBatches, FakeChildren, FakeNight, begin, serving
from tests.helpers.scripted import error
from workflows.bridge.contracts import (
    ENTITY_SYNC_WORKFLOW,
    PENDING_CHILDREN_ID,
    BatchRun,
    EntityBatch,
    EntityBatchStarted,
    EntitySync,
    entity_sync_id,
)
from workflows.bridge.entity_sync import EntitySyncWorkflow
from workflows.bridge.starting import start_night, wake_pending_children
from workflows.task_queues import DEFAULT, HIGH_PRIORITY

Handle = WorkflowHandle[Any, Any]
_RUN = BatchRun(batch_uid=BATCH, source_system="erp", entity_name="recorded")
_CALL = timedelta(seconds=10)


async def batch_full(client: Client) -> list[Handle]:
    """Five pages, two at a time, one of them tried twice; children are woken."""
    fake = FakeBatches(pages=5, window=2)
    fake.parents_arrived = 2
    fake.fail("page-2", error("HubUnavailable"))
    return await _batch(client, fake)


async def batch_continued(client: Client) -> list[Handle]:
    """A run that continues as new, and one that ends with the most pages that were asked for."""
    return await _batch(client, FakeBatches(pages=9, pages_per_run=2, most_pages=3))


async def batch_failed(client: Client) -> list[Handle]:
    """A page cannot be processed while another one is."""
    fake = FakeBatches(pages=9, window=2)
    fake.fail_always("page-2", error("HubRejected"))
    return await _batch(client, fake)


async def batch_stopped(client: Client) -> list[Handle]:
    """Stopped while a page is being processed, which may end."""
    fake = FakeBatches(pages=9, window=2)
    gate = fake.hold("page-2")
    async with serving(client, fake):
        handle = await begin(client, _RUN)
        await _reached(fake, "page-2")
        await handle.cancel()
        gate.set()
        return await _runs(client, handle)


async def night_share(client: Client) -> list[Handle]:
    """Two pages, and there is no time for more."""
    return await _night(client, FakeNight(tonight=2, pages=9))


async def night_completed(client: Client) -> list[Handle]:
    """The source's last page, in a second run; children are woken."""
    fake = FakeNight(tonight=9, pages=3, pages_per_run=2)
    fake.parents_arrived = 1
    return await _night(client, fake)


async def night_rest(client: Client) -> list[Handle]:
    """It is not the time."""
    return await _night(client, FakeNight(is_open=False))


async def night_lost(client: Client) -> list[Handle]:
    """A page cannot be fetched: what is done is noted first."""
    fake = FakeNight(tonight=9, pages=9)
    fake.fail_always("fetch-2", error("SourceRejected"))
    return await _night(client, fake)


async def children_rounds(client: Client) -> list[Handle]:
    """Two batches, one of which fails; then a look in vain."""
    fake = FakeChildren(["items", "orders"], ["lines"])
    fake.fail("begin", error("EntityDisabled"))
    async with serving(client, fake):
        await wake_pending_children(client, timeout=_CALL)
        latest = client.get_workflow_handle(PENDING_CHILDREN_ID)
        first = (await latest.describe()).raw_info.first_run_id
        await latest.result()
        return await _runs(client, client.get_workflow_handle(PENDING_CHILDREN_ID, first_execution_run_id=first))


async def entity_sync(client: Client) -> list[Handle]:
    """One turn of an entity's own schedule, tried twice."""

    @activity.defn(name="start_entity_batch")
    async def start_entity_batch(_wanted: EntityBatch) -> EntityBatchStarted:
        if activity.info().attempt == 1:
            raise error("DatabaseUnavailable")
        return EntityBatchStarted(started=True)

    async with (
        Worker(client, task_queue=HIGH_PRIORITY, workflows=[EntitySyncWorkflow]),
        Worker(client, task_queue=DEFAULT, activities=[start_entity_batch]),
    ):
        start = EntitySync(entity_uid=SCHEDULE)
        name = entity_sync_id(SCHEDULE)
        handle: Handle = await client.start_workflow(ENTITY_SYNC_WORKFLOW, start, id=name, task_queue=HIGH_PRIORITY)
        return await _runs(client, handle)


async def _batch(client: Client, fake: FakeBatches) -> list[Handle]:
    async with serving(client, fake):
        return await _runs(client, await begin(client, _RUN))


async def _night(client: Client, fake: FakeNight) -> list[Handle]:
    async with serving(client, fake):
        return await _runs(client, await start_night(client, SCHEDULE, "recorded", force=False, timeout=_CALL))


async def _reached(fake: FakeBatches, activity_id: str) -> None:
    def started() -> None:
        assert activity_id in fake.ids

    await eventually(started)


async def _runs(client: Client, handle: Handle) -> list[Handle]:
    """Its runs, once it has ended."""
    with suppress(WorkflowFailureError):
        await handle.result()
    return [client.get_workflow_handle(handle.id, run_id=run) async for run in _chain(client, handle)]


async def _chain(client: Client, handle: Handle) -> AsyncIterator[str]:
    run: str | None = handle.first_execution_run_id
    while run:
        yield run
        *_, last = (await client.get_workflow_handle(handle.id, run_id=run).fetch_history()).events
        run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None
