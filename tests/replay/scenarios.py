"""The runs whose histories are committed: each way a run can go that a deployed workflow must still replay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from tests.helpers import eventually
from tests.helpers.fake_cards import OPERATION, USER, FakeCards, serving, start_sync
from tests.helpers.fake_reconciliation import (
    FakeAccounts,
    FakeBlueprints,
    reconciling,
    start_blueprint,
    start_sweep,
)
from tests.helpers.scripted import error
from tests.replay.account_scenarios import (
    account_asked,
    account_changes,
    account_continued,
    account_events,
    account_failing,
    account_suspended,
)
from tests.replay.bridge_scenarios import (
    batch_continued,
    batch_failed,
    batch_full,
    batch_stopped,
    children_rounds,
    entity_sync,
    night_completed,
    night_lost,
    night_rest,
    night_share,
)
from tests.replay.marketplace_scenarios import callback, callback_replay, order_import, order_sweep, store_orders
from tests.replay.purchase_scenarios import purchase_at_once, purchase_retried
from tests.replay.retention_scenarios import retention, retention_failed
from tests.replay.store_scenarios import store_continued, store_paused, store_pushes, store_sweep
from workflows.cards.contracts import BulkSyncInput

DIRECTORY = Path(__file__).parent / "histories"
START = BulkSyncInput(user_id=USER, operation_id=OPERATION)

Handle = WorkflowHandle[Any, Any]
Scenario = Callable[[Client], Awaitable[list[Handle]]]


@asynccontextmanager
async def _running(client: Client, fake: FakeCards, start: BulkSyncInput = START) -> AsyncIterator[Handle]:
    async with serving(client, fake):
        yield await start_sync(client, start)


async def happy(client: Client) -> list[Handle]:
    """Three chunks, two at a time."""
    async with _running(client, FakeCards(chunks=3, window=2)) as handle:
        await handle.result()
        return [handle]


async def lost_chunk(client: Client) -> list[Handle]:
    """One chunk cannot be read, another is tried twice."""
    fake = FakeCards(chunks=3, window=2)
    fake.fail_always("chunk-1", error("ChunkUnreadable"))
    fake.fail("chunk-2", error("CatalogUnavailable"))
    async with _running(client, fake) as handle:
        await handle.result()
        return [handle]


async def by_expansion(client: Client) -> list[Handle]:
    """The whole export is too slow."""
    fake = FakeCards(chunks=1)
    fake.fail_always("stage", error("ExportTooSlow"))
    async with _running(client, fake) as handle:
        await handle.result()
        return [handle]


async def token_rejected(client: Client) -> list[Handle]:
    """The sync fails while staging."""
    fake = FakeCards()
    fake.fail_always("stage", error("TokenRejected"))
    async with _running(client, fake) as handle:
        await _ended(handle)
        return [handle]


async def reread_refused(client: Client) -> list[Handle]:
    """Contested rows cannot be read again."""
    fake = FakeCards(chunks=1)
    fake.fail_always("reread", error("TokenRejected"))
    async with _running(client, fake) as handle:
        await handle.result()
        return [handle]


async def cancelled(client: Client) -> list[Handle]:
    """Cancelled with chunks in flight and others waiting."""
    fake = FakeCards(chunks=6, window=2)
    fake.hold("chunk-2")
    async with _running(client, fake) as handle:

        def in_flight() -> None:
            assert "chunk-2" in fake.ids

        await eventually(in_flight)
        await handle.cancel()
        await _ended(handle)
        return [handle]


async def continued(client: Client) -> list[Handle]:
    """Two runs of the chain: the one that continues as new, and the one that finishes."""
    async with _running(client, FakeCards(chunks=3, chunks_per_run=2)) as handle:
        await handle.result()
        first = client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
        return [first, client.get_workflow_handle(handle.id)]


async def reconciliation(client: Client) -> list[Handle]:
    """A periodic sync reads the orders first; the second time they cannot be read."""
    start = START.model_copy(update={"mode": "periodic_sync"})
    async with _running(client, FakeCards(chunks=1), start) as first:
        await first.result()
        first = client.get_workflow_handle(first.id, run_id=first.first_execution_run_id)
    fake = FakeCards(chunks=1)
    fake.fail_always("orders", error("TokenRejected"))
    async with _running(client, fake, start) as second:
        await second.result()
        return [first, client.get_workflow_handle(second.id, run_id=second.first_execution_run_id)]


async def dry_run(client: Client) -> list[Handle]:
    """A reconciliation that reads nothing again."""
    start = START.model_copy(update={"mode": "periodic_sync", "dry_run": True})
    async with _running(client, FakeCards(chunks=1), start) as handle:
        await handle.result()
        return [handle]


async def sweep(client: Client) -> list[Handle]:
    """A page that continues as new, one that had no room, the last one."""
    fake = FakeAccounts(3, page=2, pause_seconds=1)
    fake.rooms = [2, 0]
    async with reconciling(client, fake):
        handle = await start_sweep(client, "reconcile-sweep")
        await handle.result()
        return [client.get_workflow_handle(handle.id, run_id=run) async for run in _chain(client, handle)]


async def one_blueprint(client: Client) -> list[Handle]:
    """A targeted reconciliation, and one that is refused."""
    ended = []
    for failures in ((error("Unavailable"),), (error("TokenRejected"),)):
        async with reconciling(client, FakeBlueprints(*failures)):
            handle = await start_blueprint(client, "reconcile:one")
            await _ended(handle)
            ended.append(client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id))
    return ended


async def _chain(client: Client, handle: Handle) -> AsyncIterator[str]:
    """The runs of a chain, oldest first."""
    run: str | None = handle.first_execution_run_id
    while run:
        yield run
        *_, last = (await client.get_workflow_handle(handle.id, run_id=run).fetch_history()).events
        run = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None


async def _ended(handle: Handle) -> None:
    try:
        await handle.result()
    except WorkflowFailureError:
        return


SCENARIOS: dict[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        happy,
        lost_chunk,
        by_expansion,
        token_rejected,
        reread_refused,
        cancelled,
        continued,
        reconciliation,
        dry_run,
        sweep,
        one_blueprint,
        account_events,
        account_changes,
        account_continued,
        account_failing,
        account_suspended,
        account_asked,
        purchase_at_once,
        purchase_retried,
        store_pushes,
        store_continued,
        store_paused,
        store_sweep,
        callback,
        callback_replay,
        order_import,
        order_sweep,
        store_orders,
        batch_full,
        batch_continued,
        batch_failed,
        batch_stopped,
        night_share,
        night_completed,
        night_rest,
        night_lost,
        children_rounds,
        entity_sync,
        retention,
        retention_failed,
    )
}
