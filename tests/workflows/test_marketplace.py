"""The workflows of the marketplace: what they carry on, and how they end."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from tests.helpers.fake_marketplace import EVENT, LOG, REPLAY, STORE, FakeMarketplace, batch, chain, run, serving
from workflows.marketplace.contracts import (
    CALLBACK_DELIVERY_WORKFLOW,
    CALLBACK_REPLAY_WORKFLOW,
    ORDER_IMPORT_WORKFLOW,
    STORE_ORDERS_WORKFLOW,
    CallbackRef,
    DeliveryRound,
    ReceiptRef,
    ReplayPage,
    ReplayRef,
    StoreOrdersEnd,
    StoreOrdersState,
)

SPENT = ApplicationError("the budget is spent", non_retryable=True)


def end_of(fake: FakeMarketplace) -> StoreOrdersEnd:
    (end,) = fake.requests["end"]
    assert isinstance(end, StoreOrdersEnd)
    return end


async def test_a_run_of_a_store_keeps_its_counts_and_its_name_over_continue_as_new(temporal_client: Client) -> None:
    fake = FakeMarketplace()
    fake.batches = [batch(5), batch(4), batch(3), batch(2), batch(1, is_last=True)]
    async with serving(temporal_client, fake):
        state = StoreOrdersState(store_id=STORE, batches_per_run=2)
        handle = await run(temporal_client, STORE_ORDERS_WORKFLOW, state, f"store-{uuid4()}")
        assert len(await chain(temporal_client, handle)) == 3
    assert (end_of(fake).tally.processed, end_of(fake).tally.success, end_of(fake).aborted) == (15, 15, False)
    requests = [request for number in range(5) for request in fake.requests[f"batch-{number}"]]
    assert {request.run_id for request in requests} == {end_of(fake).run_id}
    assert len({request.claim for request in requests}) == 5


async def test_a_batch_that_cannot_be_done_is_told_as_failed(temporal_client: Client) -> None:
    fake = FakeMarketplace()
    fake.batches = [batch(5)]
    fake.fail_always("batch-1", SPENT)
    async with serving(temporal_client, fake):
        await run(temporal_client, STORE_ORDERS_WORKFLOW, StoreOrdersState(store_id=STORE), f"store-{uuid4()}")
    assert (end_of(fake).tally.processed, end_of(fake).aborted) == (5, True)


async def test_a_repeated_attempt_is_the_same_holder(temporal_client: Client) -> None:
    fake = FakeMarketplace()
    fake.fail("import", ConnectionError("away"), ConnectionError("away"))
    async with serving(temporal_client, fake):
        ref = ReceiptRef(store_id=STORE, log_id=LOG)
        await run(temporal_client, ORDER_IMPORT_WORKFLOW, ref, f"import-{uuid4()}")
    claims = {request.claim for request in fake.requests["import"]}
    assert (fake.attempts("import"), len(claims)) == (3, 1)
    assert claims != {ref.claim}


async def test_rounds_follow_until_nothing_waits_also_over_continue_as_new(temporal_client: Client) -> None:
    fake = FakeMarketplace()
    fake.rounds = [DeliveryRound(waiting=3 - number, next_in_seconds=0.05) for number in range(3)] + [DeliveryRound()]
    async with serving(temporal_client, fake):
        ref = CallbackRef(event_id=EVENT, rounds_per_run=3)
        handle = await run(temporal_client, CALLBACK_DELIVERY_WORKFLOW, ref, f"callback-{uuid4()}")
        assert len(await chain(temporal_client, handle)) == 2
    assert fake.ids == {"round-0", "round-1", "round-2", "round-3"}


async def test_a_replay_that_cannot_go_on_is_stopped(temporal_client: Client) -> None:
    fake = FakeMarketplace()
    fake.pages = [ReplayPage(sent=2, is_last=False)]
    fake.fail_always("page-1", SPENT)
    async with serving(temporal_client, fake):
        request: Any = ReplayRef(replay_id=REPLAY)
        await run(temporal_client, CALLBACK_REPLAY_WORKFLOW, request, f"replay-{uuid4()}")
    assert (fake.attempts("page-1"), fake.attempts("stop")) == (1, 1)
