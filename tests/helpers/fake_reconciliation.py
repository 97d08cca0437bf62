"""Accounts and blueprints to reconcile, without any system behind them.

Imported by tests that run workflows: see `tests.helpers.fake_cards`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers.fake_cards import OPERATION, USER
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

Activities = dict[str, list[Callable[..., Any]]]


class FakeAccounts:
    """Accounts by rising id; `rooms` says how many the next pages may start."""

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

    def by_queue(self) -> Activities:
        """The activities by the queue they are called on."""
        return {HIGH_PRIORITY: [], DEFAULT: [self.plan_sweep, self.sweep_page]}


class FakeBlueprints:
    """Targeted reconciliations, and the errors their first attempts raise."""

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

    def by_queue(self) -> Activities:
        """The activities by the queue they are called on."""
        return {HIGH_PRIORITY: [self.reconcile_blueprint], DEFAULT: [self.abort_blueprint]}


@asynccontextmanager
async def reconciling(client: Client, fake: FakeAccounts | FakeBlueprints) -> AsyncIterator[None]:
    """Workers without a cache, so that every task replays the history."""
    queues = fake.by_queue()
    workflows = [ReconcileSweepWorkflow, ReconcileBlueprintWorkflow]
    urgent = queues[HIGH_PRIORITY]
    async with (
        Worker(client, task_queue=HIGH_PRIORITY, workflows=workflows, activities=urgent, max_cached_workflows=0),
        Worker(client, task_queue=DEFAULT, activities=queues[DEFAULT]),
    ):
        yield


async def start_sweep(client: Client, workflow_id: str) -> WorkflowHandle[ReconcileSweepWorkflow, SweepTotals]:
    """Start one as its schedule does."""
    return await client.start_workflow(
        ReconcileSweepWorkflow.run, SweepState(), id=workflow_id, task_queue=HIGH_PRIORITY
    )


async def start_blueprint(client: Client, workflow_id: str) -> WorkflowHandle[ReconcileBlueprintWorkflow, None]:
    """Start one as the facade does."""
    request = ReconcileBlueprint(user_id=USER, operation_id=OPERATION, blueprint_id=7)
    return await client.start_workflow(
        ReconcileBlueprintWorkflow.run, request, id=workflow_id, task_queue=HIGH_PRIORITY
    )
