"""PurchaseWorkflow against a real server with a scripted activity: tried until decided, joined by whoever repeats."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.worker import Worker

from tests.helpers import eventually
from tests.helpers.fake_cards import error
from workflows.cards.contracts import PurchaseOutcome, PurchaseRef, purchase_id
from workflows.cards.purchase import PurchaseWorkflow
from workflows.cards.purchasing import start_purchase
from workflows.task_queues import HIGH_PRIORITY

USER = UUID("00000000-0000-4000-8000-000000000003")


class FakeTill:
    """Decides what it is told to, after the errors it is told to raise."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.outcome = PurchaseOutcome(purchased=True)
        self.attempts = 0
        self.gate = asyncio.Event()
        self.gate.set()

    @activity.defn(name="take_copies")
    async def take_copies(self, ref: PurchaseRef) -> PurchaseOutcome:
        self.attempts += 1
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return self.outcome


@asynccontextmanager
async def serving(client: Client, till: FakeTill) -> AsyncIterator[None]:
    """A worker of the queue that both the workflow and its activity are on."""
    async with Worker(client, task_queue=HIGH_PRIORITY, workflows=[PurchaseWorkflow], activities=[till.take_copies]):
        yield


async def start(client: Client, key: str, operation_id: UUID | None = None) -> WorkflowHandle[object, PurchaseOutcome]:
    """As the facade and the relay do."""
    return await start_purchase(client, USER, operation_id or uuid4(), key, timeout=timedelta(seconds=5))


async def test_it_is_tried_until_it_is_decided(temporal_client: Client) -> None:
    till = FakeTill(error("Unavailable"), error("OutcomeUnknown"), error("SomethingNew"))
    async with serving(temporal_client, till):
        handle = await start(temporal_client, str(uuid4()))
        assert await asyncio.wait_for(handle.result(), 20) == PurchaseOutcome(purchased=True)
    assert till.attempts == 4


async def test_a_refusal_is_a_result_not_a_failure(temporal_client: Client) -> None:
    till = FakeTill()
    till.outcome = PurchaseOutcome(reason="NOT_AVAILABLE_ON_CARDTRADER")
    async with serving(temporal_client, till):
        handle = await start(temporal_client, str(uuid4()))
        assert await asyncio.wait_for(handle.result(), 20) == till.outcome


async def test_whoever_repeats_the_request_joins_it(temporal_client: Client) -> None:
    till, key, operation_id = FakeTill(), str(uuid4()), uuid4()
    till.gate.clear()
    async with serving(temporal_client, till):
        handles = await asyncio.gather(*(start(temporal_client, key, operation_id) for _ in range(5)))
        assert {handle.id for handle in handles} == {purchase_id(USER, key)}

        def taken() -> None:
            assert till.attempts == 1

        await eventually(taken)
        till.gate.set()
        outcomes = await asyncio.wait_for(asyncio.gather(*(handle.result() for handle in handles)), 20)
    assert (outcomes, till.attempts) == ([till.outcome] * 5, 1)


async def test_one_that_was_ended_from_outside_can_be_taken_up_again(temporal_client: Client) -> None:
    till, key = FakeTill(), str(uuid4())
    till.gate.clear()
    async with serving(temporal_client, till):
        await (await start(temporal_client, key)).terminate()
        till.gate.set()
        again = await start(temporal_client, key)
        assert (await asyncio.wait_for(again.result(), 20)).purchased


async def test_a_purchase_that_is_gone_with_its_account_ends(temporal_client: Client) -> None:
    async with serving(temporal_client, FakeTill(*[error("OperationClosed")] * 2)):
        handle = await start(temporal_client, str(uuid4()))
        with pytest.raises(WorkflowFailureError):
            await asyncio.wait_for(handle.result(), 20)
