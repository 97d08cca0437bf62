"""AccountWorkflow against a real server with a scripted inbox: nothing signalled is lost, and it ends when idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers import eventually
from tests.helpers.fake_cards import error
from workflows.cards.account import AccountWorkflow
from workflows.cards.contracts import (
    EVENTS_PENDING,
    AccountRef,
    AccountState,
    ChangeStep,
    EventBatch,
    Reread,
    Settled,
    SuspendAccount,
    account_id,
)
from workflows.cards.poking import poke_account
from workflows.task_queues import HIGH_PRIORITY


class FakeInbox:
    """Events by id; a test adds, the workflow settles."""

    def __init__(self, batch: int = 10) -> None:
        self.batch = batch
        self.pending: list[int] = []
        self.settled: list[int] = []
        self.rereads = 0
        self.failures: list[Exception] = []
        self.suspended: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    @activity.defn(name="take_events")
    async def take_events(self, ref: AccountRef) -> EventBatch:
        return EventBatch(user_id=ref.user_id, event_ids=self.pending[: self.batch])

    @activity.defn(name="reread_events")
    async def reread_events(self, batch: EventBatch) -> Reread:
        self.rereads += 1
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return Reread(blueprints=len(batch.event_ids))

    @activity.defn(name="settle_events")
    async def settle_events(self, batch: EventBatch) -> Settled:
        self.settled += batch.event_ids
        self.pending = [event for event in self.pending if event not in batch.event_ids]
        return Settled(events=len(batch.event_ids))

    @activity.defn(name="take_changes")
    async def take_changes(self, ref: AccountRef) -> ChangeStep:
        return ChangeStep(user_id=ref.user_id)

    @activity.defn(name="suspend_account")
    async def suspend_account(self, request: SuspendAccount) -> None:
        self.suspended.append(request.code)


@asynccontextmanager
async def serving(client: Client, inbox: FakeInbox) -> AsyncIterator[None]:
    """One worker; no workflow is kept in its cache, so that every task replays the history."""
    activities: list[Callable[..., Any]] = [
        inbox.take_events,
        inbox.reread_events,
        inbox.settle_events,
        inbox.suspend_account,
        inbox.take_changes,
    ]
    async with Worker(
        client, task_queue=HIGH_PRIORITY, workflows=[AccountWorkflow], activities=activities, max_cached_workflows=0
    ):
        yield


async def alive(client: Client, **options: Any) -> WorkflowHandle[AccountWorkflow, None]:
    """Start one with small thresholds, as a poke does."""
    state = AccountState(user_id=uuid4(), **{"idle_seconds": 1, "pause_seconds": 1, **options})
    return await client.start_workflow(
        AccountWorkflow.run, state, id=account_id(state.user_id), task_queue=HIGH_PRIORITY, start_signal=EVENTS_PENDING
    )


async def test_no_event_is_lost_over_many_continuations(temporal_client: Client) -> None:
    inbox = FakeInbox(batch=3)
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client, rounds_per_run=2)
        for event in range(1, 25):
            inbox.pending.append(event)
            await handle.signal(EVENTS_PENDING)
        await asyncio.wait_for(handle.result(), 30)
    assert sorted(inbox.settled) == list(range(1, 25))
    assert inbox.rereads >= 8
    assert await continuations(temporal_client, handle) >= 3


async def test_an_idle_account_ends_and_a_poke_revives_it(temporal_client: Client) -> None:
    inbox = FakeInbox()
    inbox.pending = [1]
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client, idle_seconds=1)
        await asyncio.wait_for(handle.result(), 20)
        assert inbox.settled == [1]
        inbox.pending = [2]
        await poke_account(temporal_client, UUID(handle.id.removeprefix("account:")), timeout=timedelta(seconds=5))

        def settled() -> None:
            assert inbox.settled == [1, 2]

        await eventually(settled, 20)
        await temporal_client.get_workflow_handle(handle.id).terminate()


async def test_signals_during_a_reread_make_one_more_look(temporal_client: Client) -> None:
    inbox = FakeInbox()
    inbox.pending = [1]
    inbox.gate.clear()
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client)

        def reading() -> None:
            assert inbox.rereads == 1

        await eventually(reading, 20)
        inbox.pending += [2, 3, 4]
        for _ in range(20):
            await handle.signal(EVENTS_PENDING)
        inbox.gate.set()
        await asyncio.wait_for(handle.result(), 20)
    assert inbox.settled == [1, 2, 3, 4]
    assert inbox.rereads == 2


async def test_a_revoked_token_suspends_the_account_and_keeps_the_events(temporal_client: Client) -> None:
    inbox = FakeInbox()
    inbox.pending, inbox.failures = [1], [error("TokenRejected")]
    async with serving(temporal_client, inbox):
        await asyncio.wait_for((await alive(temporal_client)).result(), 20)
    assert (inbox.suspended, inbox.pending, inbox.rereads) == (["TOKEN_REJECTED"], [1], 1)


async def test_a_round_that_cannot_be_done_is_done_later(temporal_client: Client) -> None:
    inbox = FakeInbox()
    # A fence ends a step at once, as a spent budget does after its time.
    inbox.pending, inbox.failures = [1], [error("OperationClosed")] * 2
    async with serving(temporal_client, inbox):
        await asyncio.wait_for((await alive(temporal_client, pause_seconds=0)).result(), 20)
    assert (inbox.settled, inbox.suspended, inbox.rereads) == ([1], [], 3)


async def test_a_cancelled_account_ends_cancelled(temporal_client: Client) -> None:
    inbox = FakeInbox()
    inbox.pending = [1]
    inbox.gate.clear()
    async with serving(temporal_client, inbox):
        handle = await alive(temporal_client)

        def reading() -> None:
            assert inbox.rereads == 1

        await eventually(reading, 20)
        await handle.cancel()

        async def ended() -> None:
            assert (await handle.describe()).status == WorkflowExecutionStatus.CANCELED

        await eventually(ended, 20)
        inbox.gate.set()


async def continuations(client: Client, handle: WorkflowHandle[Any, Any]) -> int:
    """How often the chain continued as new."""
    count, run_id = 0, handle.first_execution_run_id
    while run_id:
        last = (await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()).events[-1]
        run_id = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        count += bool(run_id)
    return count
