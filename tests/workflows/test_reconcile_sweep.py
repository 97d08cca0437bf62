"""ReconcileSweepWorkflow on a real server: every account once, in pages, paced, and no more at once than allowed."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError

from tests.helpers.fake_reconciliation import FakeAccounts, FakeBlueprints, reconciling, start_blueprint, start_sweep
from tests.helpers.histories import events
from tests.helpers.scripted import error
from workflows.cards.contracts import SweepTotals


async def swept(client: Client, fake: FakeAccounts) -> SweepTotals:
    """A whole sweep."""
    async with reconciling(client, fake):
        handle = await start_sweep(client, f"sweep-{uuid4()}")
        return await asyncio.wait_for(handle.result(), 30)


async def test_every_account_is_started_once_over_many_pages(temporal_client: Client) -> None:
    fake = FakeAccounts(20)
    assert await swept(temporal_client, fake) == SweepTotals(started=20)
    assert fake.started == fake.accounts
    assert len(fake.sweeps) == 1
    assert None not in fake.sweeps


async def test_no_account_ends_the_sweep(temporal_client: Client) -> None:
    assert await swept(temporal_client, FakeAccounts(0)) == SweepTotals()


async def test_pages_without_room_come_back_to_the_same_accounts(temporal_client: Client) -> None:
    fake = FakeAccounts(7)
    fake.rooms = [2, 0, 0, 1]
    assert (await swept(temporal_client, fake)).started == 7
    assert fake.started == fake.accounts


async def test_a_page_that_fails_is_repeated_in_the_name_of_the_same_sweep(temporal_client: Client) -> None:
    fake = FakeAccounts(4)
    fake.failures = [error("OSError"), error("RPCError")]
    assert (await swept(temporal_client, fake)).started == 4
    assert fake.started == fake.accounts
    assert len(fake.sweeps) == 1


async def test_a_page_is_a_run_and_the_next_is_paced_by_a_durable_timer(temporal_client: Client) -> None:
    async with reconciling(temporal_client, FakeAccounts(2, page=1, pause_seconds=1)):
        handle = await start_sweep(temporal_client, f"sweep-{uuid4()}")
        await asyncio.wait_for(handle.result(), 30)
    first = temporal_client.get_workflow_handle(handle.id, run_id=handle.first_execution_run_id)
    (timer,) = await events(first, "TIMER_STARTED")
    assert timer.timer_started_event_attributes.start_to_fire_timeout.ToSeconds() == 1
    assert len(await events(first, "WORKFLOW_EXECUTION_CONTINUED_AS_NEW")) == 1


async def test_one_blueprint_is_tried_again_after_a_passing_fault(temporal_client: Client) -> None:
    fake = FakeBlueprints(error("Unavailable"))
    async with reconciling(temporal_client, fake):
        await asyncio.wait_for((await start_blueprint(temporal_client, f"one-{uuid4()}")).result(), 30)
    assert (fake.failures, fake.aborted) == ([], [])


async def test_a_final_error_closes_the_operation_with_its_code(temporal_client: Client) -> None:
    fake = FakeBlueprints(error("TokenRejected"))
    async with reconciling(temporal_client, fake):
        with pytest.raises(WorkflowFailureError) as raised:
            await asyncio.wait_for((await start_blueprint(temporal_client, f"one-{uuid4()}")).result(), 30)
    assert fake.aborted == ["TOKEN_REJECTED"]
    assert getattr(raised.value.cause, "type", None) == "TOKEN_REJECTED"
