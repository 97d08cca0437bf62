"""Runs of the marketplace's workflows whose histories are committed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle
from temporalio.exceptions import ApplicationError

from tests.helpers.fake_marketplace import EVENT, LOG, REPLAY, STORE, FakeMarketplace, batch, chain, run, serving
from workflows.marketplace.contracts import (
    CALLBACK_DELIVERY_WORKFLOW,
    CALLBACK_REPLAY_WORKFLOW,
    ORDER_IMPORT_WORKFLOW,
    ORDER_SWEEP_WORKFLOW,
    STORE_ORDERS_WORKFLOW,
    CallbackRef,
    DeliveryRound,
    OrderSweep,
    ReceiptRef,
    ReplayPage,
    ReplayRef,
    StoreOrdersState,
)

Handle = WorkflowHandle[Any, Any]


async def order_import(client: Client) -> list[Handle]:
    """One receipt."""
    return await _lived(client, FakeMarketplace(), ORDER_IMPORT_WORKFLOW, ReceiptRef(store_id=STORE, log_id=LOG))


async def order_sweep(client: Client) -> list[Handle]:
    """One look."""
    return await _lived(client, FakeMarketplace(), ORDER_SWEEP_WORKFLOW, OrderSweep())


async def store_orders(client: Client) -> list[Handle]:
    """Three batches, the last of which cannot be done, over two runs."""
    fake = FakeMarketplace()
    fake.batches = [batch(2), batch(1)]
    fake.fail_always("batch-2", ApplicationError("spent", non_retryable=True))
    return await _lived(client, fake, STORE_ORDERS_WORKFLOW, StoreOrdersState(store_id=STORE, batches_per_run=2))


async def callback(client: Client) -> list[Handle]:
    """Three rounds over two runs."""
    fake = FakeMarketplace()
    fake.rounds = [DeliveryRound(waiting=2, next_in_seconds=0.05), DeliveryRound(waiting=1, next_in_seconds=0.05)]
    fake.rounds.append(DeliveryRound())
    return await _lived(client, fake, CALLBACK_DELIVERY_WORKFLOW, CallbackRef(event_id=EVENT, rounds_per_run=2))


async def callback_replay(client: Client) -> list[Handle]:
    """Two pages, and one that cannot be sent."""
    fake = FakeMarketplace()
    fake.pages = [ReplayPage(sent=2, is_last=False), ReplayPage(sent=2, is_last=False)]
    fake.fail_always("page-2", ApplicationError("spent", non_retryable=True))
    return await _lived(client, fake, CALLBACK_REPLAY_WORKFLOW, ReplayRef(replay_id=REPLAY))


async def _lived(client: Client, fake: FakeMarketplace, workflow: str, request: Any) -> list[Handle]:
    async with serving(client, fake):
        return await chain(client, await run(client, workflow, request, f"recorded-{uuid4()}"))
