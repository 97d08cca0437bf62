"""PurchaseWorkflow against a real server with a scripted activity: tried until decided, joined by whoever repeats."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from temporalio.client import Client, WorkflowFailureError

from tests.helpers import eventually
from tests.helpers.fake_till import USER, FakeTill, serving, start
from tests.helpers.scripted import error
from workflows.cards.contracts import PurchaseOutcome, purchase_id


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
