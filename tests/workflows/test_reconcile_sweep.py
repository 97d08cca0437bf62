"""ReconcileSweepWorkflow on a real server: every account once, in pages, paced, and no more at once than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers.fake_cards import error
from tests.helpers.histories import events
from workflows.cards.contracts import (
    BlueprintAborted,
    ReconcileBlueprint,
    SweepPage,
    SweepPeriod,
    SweepPlan,
    SweepState,
    SweepTotals,
    SweptPage,
)
from workflows.cards.reconcile import ReconcileSweepWorkflow
from workflows.cards.reconcile_blueprint import ReconcileBlueprintWorkflow
from workflows.task_queues import DEFAULT, HIGH_PRIORITY


class FakeAccounts:
    """Accounts by rising id; as many syncs as are started run until the next page asks."""

    def __init__(self, accounts: int, page: int = 3, pause_seconds: int = 0) -> None:
        self.accounts = [UUID(int=number) for number in range(1, accounts + 1)]
        self.plan = SweepPlan(page=page, pause_seconds=pause_seconds, accounts=accounts)
        self.started: list[UUID] = []
        self.sweeps: set[UUID | None] = set()
        self.rooms: list[int] = []
        self.failures: list[Exception] = []

    @activity.defn(name="plan_sweep")
    async def plan_sweep(self, period: SweepPeriod) -> SweepPlan:
        return self.plan

    @activity.defn(name="sweep_page")
    async def sweep_page(self, page: SweepPage) -> SweptPage:
        self.sweeps.add(page.sweep_id)
        most = self.rooms.pop(0) if self.rooms else page.most
        waiting = [one for one in self.accounts if page.after is None or one > page.after]
        taken = waiting[:most]
        self.started += [one for one in taken if one not in self.started]
        if self.failures:
            # After it has started some: the repeat must not start them again.
            raise self.failures.pop(0)
        return SweptPage(started=len(taken), after=taken[-1] if taken else page.after, is_last=len(taken) < most)


@asynccontextmanager
async def serving(client: Client, *fakes: Any) -> AsyncIterator[None]:
    """Workers without a cache, so that every task replays the history."""
    activities = [
        getattr(fake, name)
        for fake in fakes
        for name in ("plan_sweep", "sweep_page", "abort_blueprint")
        if hasattr(fake, name)
    ]
    urgent = [fake.reconcile_blueprint for fake in fakes if hasattr(fake, "reconcile_blueprint")]
    workflows = [ReconcileSweepWorkflow, ReconcileBlueprintWorkflow]
    async with (
        Worker(client, task_queue=HIGH_PRIORITY, workflows=workflows, activities=urgent, max_cached_workflows=0),
        Worker(client, task_queue=DEFAULT, activities=activities),
    ):
        yield


async def sweep(client: Client) -> WorkflowHandle[ReconcileSweepWorkflow, SweepTotals]:
    return await client.start_workflow(
        ReconcileSweepWorkflow.run, SweepState(), id=f"sweep-{uuid4()}", task_queue=HIGH_PRIORITY
    )


async def test_every_account_is_started_once_over_many_pages(temporal_client: Client) -> None:
    fake = FakeAccounts(20)
    async with serving(temporal_client, fake):
        handle = await sweep(temporal_client)
        totals = await asyncio.wait_for(handle.result(), 30)
    assert totals == SweepTotals(started=20)
    assert fake.started == fake.accounts
    assert len(fake.sweeps) == 1
    assert None not in fake.sweeps
    first = temporal_client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    assert len(await events(first, "WORKFLOW_EXECUTION_CONTINUED_AS_NEW")) == 1


async def test_no_account_ends_the_sweep(temporal_client: Client) -> None:
    async with serving(temporal_client, FakeAccounts(0)):
        handle = await sweep(temporal_client)
        assert await asyncio.wait_for(handle.result(), 30) == SweepTotals()


async def test_pages_without_room_come_back_to_the_same_accounts(temporal_client: Client) -> None:
    fake = FakeAccounts(7)
    fake.rooms = [2, 0, 0, 1]
    async with serving(temporal_client, fake):
        handle = await sweep(temporal_client)
        assert (await asyncio.wait_for(handle.result(), 30)).started == 7
    assert fake.started == fake.accounts


async def test_a_page_that_fails_is_repeated_in_the_name_of_the_same_sweep(temporal_client: Client) -> None:
    fake = FakeAccounts(4)
    fake.failures = [error("OSError"), error("RPCError")]
    async with serving(temporal_client, fake):
        handle = await sweep(temporal_client)
        assert (await asyncio.wait_for(handle.result(), 30)).started == 4
    assert fake.started == fake.accounts
    assert len(fake.sweeps) == 1


async def test_pages_are_paced_by_a_durable_timer(temporal_client: Client) -> None:
    async with serving(temporal_client, FakeAccounts(2, page=1, pause_seconds=1)):
        handle = await sweep(temporal_client)
        await asyncio.wait_for(handle.result(), 30)
    first = temporal_client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    (timer,) = await events(first, "TIMER_STARTED")
    assert timer.timer_started_event_attributes.start_to_fire_timeout.ToSeconds() == 1


class FakeBlueprints:
    """One targeted reconciliation."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.aborted: list[str] = []

    @activity.defn(name="reconcile_blueprint")
    async def reconcile_blueprint(self, request: ReconcileBlueprint) -> None:
        if self.failures:
            raise self.failures.pop(0)

    @activity.defn(name="abort_blueprint")
    async def abort_blueprint(self, request: BlueprintAborted) -> None:
        self.aborted.append(request.code)


async def reconcile_one(client: Client) -> WorkflowHandle[Any, Any]:
    request = ReconcileBlueprint(user_id=uuid4(), operation_id=uuid4(), blueprint_id=7)
    return await client.start_workflow(
        ReconcileBlueprintWorkflow.run, request, id=f"one-{uuid4()}", task_queue=HIGH_PRIORITY
    )


async def test_one_blueprint_is_tried_again_after_a_passing_fault(temporal_client: Client) -> None:
    fake = FakeBlueprints(error("Unavailable"))
    async with serving(temporal_client, fake):
        await asyncio.wait_for((await reconcile_one(temporal_client)).result(), 30)
    assert (fake.failures, fake.aborted) == ([], [])


async def test_a_final_error_closes_the_operation_with_its_code(temporal_client: Client) -> None:
    fake = FakeBlueprints(error("TokenRejected"))
    async with serving(temporal_client, fake):
        with pytest.raises(WorkflowFailureError) as raised:
            await asyncio.wait_for((await reconcile_one(temporal_client)).result(), 30)
    assert fake.aborted == ["TOKEN_REJECTED"]
    assert getattr(raised.value.cause, "type", None) == "TOKEN_REJECTED"
