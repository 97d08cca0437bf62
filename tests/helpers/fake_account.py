"""The activities of an account without any system behind them: an inbox and a pile of changes, scripted by tests.

Imported by tests that run workflows, so it imports no database code (see tests.helpers.fake_cards).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from workflows.cards.account import AccountWorkflow
from workflows.cards.contracts import (
    EVENTS_PENDING,
    AccountRef,
    AccountState,
    ChangeBatch,
    ChangeStep,
    ChangeWork,
    EventBatch,
    Progressed,
    Reread,
    Settled,
    SuspendAccount,
    account_id,
)
from workflows.task_queues import HIGH_PRIORITY

BATCH = UUID("00000000-0000-4000-8000-000000000003")


class FakeAccount:
    """Events by id, which a test adds and the workflow settles; changes as a script of steps to be done."""

    def __init__(self, batch: int = 10) -> None:
        self.batch = batch
        self.pending: list[int] = []
        self.settled: list[int] = []
        self.rereads = 0
        self.failures: list[Exception] = []
        self.suspended: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.script: list[ChangeWork | int] = []
        self.done: list[str] = []
        self.looks: Counter[str] = Counter()
        self.change_failures: list[Exception] = []
        self.during: Callable[[str], Any] = lambda _: None

    def owe(self, *works: ChangeWork | int) -> None:
        """Steps that the next looks at the changes answer, in order; a number is a wait before the one after it."""
        self.script += works

    @activity.defn(name="take_events")
    async def take_events(self, ref: AccountRef) -> EventBatch:
        self.looks["events"] += 1
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
        self.done += [f"event {event}" for event in batch.event_ids]
        return Settled(events=len(batch.event_ids))

    @activity.defn(name="suspend_account")
    async def suspend_account(self, request: SuspendAccount) -> None:
        self.suspended.append(request.code)

    @activity.defn(name="take_changes")
    async def take_changes(self, ref: AccountRef) -> ChangeStep:
        self.looks["changes"] += 1
        match self.script:
            case [int() as seconds, *rest]:
                self.script = rest
                return ChangeStep(user_id=ref.user_id, work="settle", batch_id=BATCH, wait_seconds=seconds)
            case ["reread", *_]:
                return ChangeStep(user_id=ref.user_id, work="reread")
            case [str() as work, *_]:
                return ChangeStep(user_id=ref.user_id, work=work, batch_id=BATCH, changes=3)
        return ChangeStep(user_id=ref.user_id)

    @activity.defn(name="send_changes")
    async def send_changes(self, batch: ChangeBatch) -> Progressed:
        return await self._step("send", batch)

    @activity.defn(name="follow_job")
    async def follow_job(self, batch: ChangeBatch) -> Progressed:
        return await self._step("follow", batch)

    @activity.defn(name="settle_changes")
    async def settle_changes(self, batch: ChangeBatch) -> Progressed:
        return await self._step("settle", batch)

    @activity.defn(name="verify_changes")
    async def verify_changes(self, batch: ChangeBatch) -> Progressed:
        return await self._step("verify", batch)

    @activity.defn(name="reread_uncertain")
    async def reread_uncertain(self, ref: AccountRef) -> Reread:
        await self._step("reread", ChangeBatch(user_id=ref.user_id, batch_id=BATCH))
        return Reread(blueprints=1)

    async def _step(self, work: str, batch: ChangeBatch) -> Progressed:
        assert batch.batch_id == BATCH
        await self.gate.wait()
        if self.change_failures:
            raise self.change_failures.pop(0)
        assert self.script.pop(0) == work
        self.done.append(work)
        self.during(work)
        return Progressed(user_id=batch.user_id, changes=3)

    def activities(self) -> list[Callable[..., Any]]:
        """All of them, on the one queue they are called on."""
        return [
            self.take_events,
            self.reread_events,
            self.settle_events,
            self.suspend_account,
            self.take_changes,
            self.send_changes,
            self.follow_job,
            self.settle_changes,
            self.verify_changes,
            self.reread_uncertain,
        ]


@asynccontextmanager
async def serving(client: Client, account: FakeAccount) -> AsyncIterator[None]:
    """One worker; no workflow is kept in its cache, so that every task replays the history."""
    async with Worker(
        client,
        task_queue=HIGH_PRIORITY,
        workflows=[AccountWorkflow],
        activities=account.activities(),
        max_cached_workflows=0,
    ):
        yield


async def alive(
    client: Client, *, user_id: UUID | None = None, signal: str = EVENTS_PENDING, **options: Any
) -> WorkflowHandle[AccountWorkflow, None]:
    """Start one with small thresholds, as a poke does."""
    state = AccountState(user_id=user_id or uuid4(), **{"idle_seconds": 1, "pause_seconds": 1, **options})
    return await client.start_workflow(
        AccountWorkflow.run, state, id=account_id(state.user_id), task_queue=HIGH_PRIORITY, start_signal=signal
    )
