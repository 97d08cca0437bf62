"""The lives of a shop's workflow, and of a sweep, whose histories are committed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from tests.helpers.fake_central import FakeQueue, alive, serving, swept

Handle = WorkflowHandle[Any, Any]
_SHOP = "shop-recorded"


async def store_pushes(client: Client) -> list[Handle]:
    """Three passes, central away before one of them, and two pages of reading back."""
    fake = FakeQueue(batch=2)
    fake.waiting, fake.waits = [1, 2, 3], [1]
    return await _lived(client, fake)


async def store_continued(client: Client) -> list[Handle]:
    """A run that continues as new with movements pending, and the one that ends."""
    fake = FakeQueue(batch=1)
    fake.waiting = [1, 2, 3]
    return await _lived(client, fake, passes_per_run=2)


async def store_paused(client: Client) -> list[Handle]:
    """A pass that could not be made, then one that leaves a long wait to the relay."""
    fake = FakeQueue()
    fake.failures, fake.waits = [ApplicationError("spent", non_retryable=True)], [900]
    return await _lived(client, fake)


async def store_sweep(client: Client) -> list[Handle]:
    """Two pages of shops."""
    async with serving(client, FakeQueue()):
        handle = await swept(client)
        await handle.result()
        return [client.get_workflow_handle(handle.id)]


async def _lived(client: Client, fake: FakeQueue, **options: Any) -> list[Handle]:
    """Let it live to its end; its runs."""
    async with serving(client, fake):
        handle = await alive(client, store_id=_SHOP, **options)
        await handle.result()
        return [client.get_workflow_handle(handle.id, run_id=run) async for run in _chain(client, handle)]


async def _chain(client: Client, handle: Handle) -> AsyncIterator[str]:
    run: str | None = handle.first_execution_run_id
    while run:
        yield run
        *_, last = (await client.get_workflow_handle(handle.id, run_id=run).fetch_history()).events
        run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None
