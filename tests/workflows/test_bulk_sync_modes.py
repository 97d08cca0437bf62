"""What a reconciliation does besides a bulk sync, and what a dry run leaves out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import Client

from tests.helpers.fake_cards import FakeCards, serving, start_sync
from tests.helpers.scripted import error
from workflows.cards.contracts import BulkSyncInput

BULK = {"begin", "stage", "chunk-0", "reread", "finish"}


async def steps_of(client: Client, fake: FakeCards, start: BulkSyncInput) -> set[str]:
    async with serving(client, fake):
        await asyncio.wait_for((await start_sync(client, start)).result(), 30)
    return fake.ids


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, BULK),
        ({"mode": "periodic_sync"}, BULK | {"orders"}),
        ({"mode": "periodic_sync", "dry_run": True}, (BULK | {"orders"}) - {"reread"}),
    ],
    ids=["bulk", "periodic", "dry"],
)
async def test_the_steps_of_each_mode(
    temporal_client: Client, start: BulkSyncInput, changes: dict[str, Any], steps: set[str]
) -> None:
    assert await steps_of(temporal_client, FakeCards(chunks=1), start.model_copy(update=changes)) == steps


async def test_orders_that_cannot_be_read_do_not_keep_the_stock_from_being_repaired(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=1)
    fake.fail_always("orders", error("AccessDenied"))
    periodic = start.model_copy(update={"mode": "periodic_sync"})
    assert await steps_of(temporal_client, fake, periodic) == BULK | {"orders"}


async def test_orders_are_read_once_however_often_the_sync_continues_as_new(
    temporal_client: Client, start: BulkSyncInput
) -> None:
    fake = FakeCards(chunks=5, chunks_per_run=2)
    await steps_of(temporal_client, fake, start.model_copy(update={"mode": "periodic_sync"}))
    assert (fake.attempts("orders"), fake.attempts("begin")) == (1, 3)
