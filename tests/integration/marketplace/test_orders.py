"""Stores and imports over the API, with real workflows and the mock marketplaces behind HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

from temporalio.client import Client

from tests.helpers import eventually
from tests.helpers.marketplace import Organization
from tests.helpers.marketplace_service import MOUNT, Consumer
from workflows.marketplace.contracts import ORDER_SWEEP_WORKFLOW, OrderSweep, order_import_id
from workflows.marketplace.starting import start_store_orders
from workflows.task_queues import HIGH_PRIORITY


def calls(consumer: Consumer, receipt: str) -> int:
    return sum(f'"{receipt}"' in call for call in consumer.service.calls)


async def due(consumer: Consumer, store: dict[str, str], receipt: str) -> None:
    """Its time has come."""
    await Organization(consumer.service.database).rows(
        "UPDATE sync_logs SET next_retry_at = now() WHERE store_id = :id AND receipt = :receipt",
        id=UUID(store["storeId"]),
        receipt=receipt,
    )


async def test_the_flow_of_the_seed(consumer: Consumer) -> None:
    store = await consumer.store()
    assert await consumer.status(store) == {
        "lastSyncAt": None,
        "importedOrders": 0,
        "syncStatus": "pending",
        "rateLimitedCount": 0,
    }
    assert await consumer.store() == store
    imported = await consumer.import_(store, "order-101")
    assert (imported["success"], imported["orderId"]) == (True, "e89662f3-1d12cc5e6-2b9c328d9-3a2598bcc-00048aefeebf")
    assert (imported["amount"], imported["currency"], imported["importedAt"][-1]) == (741, "USD", "Z")
    assert await consumer.import_(store, "order-102") == {
        "success": False,
        "error": "invalid_receipt",
        "nextRetryAt": None,
    }
    limited = await consumer.import_(store, "order-115")
    assert (limited["success"], limited["error"]) == (False, "rate_limited")
    shown = await consumer.status(store)
    assert (shown["importedOrders"], shown["syncStatus"], shown["rateLimitedCount"]) == (1, "partial", 1)
    listed = await consumer.ask("GET", f"/stores/{store['storeId']}/logs")
    assert [(log["receipt"], log["status"], log["attempt"]) for log in listed["logs"]] == [
        ("order-115", "rate_limited", 1),
        ("order-102", "failed", 1),
        ("order-101", "success", 1),
    ]
    (entry,) = (await consumer.ask("GET", "/stores", organizationId=consumer.organization_id))["stores"]
    assert (entry["id"], entry["syncStatus"], entry["currency"]) == (store["storeId"], "partial", "USD")
    assert "token-abc" not in str(entry) + str(listed)


async def test_concurrent_imports_of_one_receipt_make_one_call(consumer: Consumer) -> None:
    store, receipt = await consumer.store(), f"{uuid4()}-1"
    answers = await asyncio.gather(*(consumer.import_(store, receipt) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["success"]
    assert (calls(consumer, receipt), (await consumer.status(store))["importedOrders"]) == (1, 1)


async def test_what_is_settled_is_answered_without_a_call(consumer: Consumer) -> None:
    store = await consumer.store()
    for receipt in (f"{uuid4()}-1", f"{uuid4()}-x"):
        assert await consumer.import_(store, receipt) == await consumer.import_(store, receipt)
        assert calls(consumer, receipt) == 1


async def test_a_limited_receipt_is_asked_for_again_when_it_is_due_and_not_before(consumer: Consumer) -> None:
    store, receipt = await consumer.store(), f"{uuid4()}-00"
    await consumer.import_(store, receipt)
    await consumer.import_(store, receipt)
    assert calls(consumer, receipt) == 1
    await due(consumer, store, receipt)
    again = await consumer.import_(store, receipt)
    assert (again["error"], calls(consumer, receipt)) == ("rate_limited", 2)
    (log,) = (await consumer.ask("GET", f"/stores/{store['storeId']}/logs", status="rate_limited"))["logs"]
    assert log["attempt"] == 2


async def test_due_receipts_are_tried_by_store_and_told(consumer: Consumer, own_temporal: Client) -> None:
    store = await consumer.store()
    for event in ("sync.started", "sync.completed", "sync.failed"):
        await consumer.listen(event, event)
    organization = Organization(consumer.service.database)
    receipts = [f"{uuid4()}-{end}" for end in ("1", "2", "00")]
    for receipt in receipts:
        await organization.receipt(UUID(store["storeId"]), receipt, due=True)
    start = (own_temporal, UUID(store["storeId"]))
    await asyncio.gather(*(start_store_orders(*start, timeout=timedelta(seconds=5)) for _ in range(5)))

    def told() -> None:
        assert [len(consumer.received(name)) for name in ("sync.started", "sync.completed", "sync.failed")] == [1, 1, 0]

    await eventually(told, 45)
    assert [calls(consumer, receipt) for receipt in receipts] == [1, 1, 1]
    (completed,) = consumer.received("sync.completed")
    for field in ('"processedCount":3', '"successCount":1', '"failedCount":1', '"rateLimitedCount":1'):
        assert field in completed.body
    # Nothing is due any more: nothing is told.
    await start_store_orders(*start, timeout=timedelta(seconds=5))
    handle = own_temporal.get_workflow_handle(f"store-orders:{store['storeId']}")
    assert (await handle.result())["processed"] == 0
    assert len(await organization.rows("SELECT 1 FROM callback_outbox WHERE store_id = :i", i=start[1])) == 2


async def test_the_sweep_starts_every_store_that_is_due(consumer: Consumer, own_temporal: Client) -> None:
    organization = Organization(consumer.service.database)
    stores = [await consumer.store(f"sweep-{number}") for number in range(3)]
    receipts = [f"{uuid4()}-1" for _ in stores]
    for store, receipt in zip(stores, receipts, strict=True):
        await organization.receipt(UUID(store["storeId"]), receipt, due=True)
    await own_temporal.execute_workflow(
        ORDER_SWEEP_WORKFLOW, OrderSweep(page=2), id=f"sweep-{uuid4()}", task_queue=HIGH_PRIORITY
    )

    async def imported() -> None:
        assert [(await consumer.status(store))["importedOrders"] for store in stores] == [1, 1, 1]

    await eventually(imported, 45)


async def test_only_who_speaks_for_an_organisation_gets_its_tokens(consumer: Consumer) -> None:
    store = await consumer.store()
    stranger = Consumer(consumer.service, consumer.receiver_url, consumer.receiver)
    body = {
        "organizationId": consumer.organization_id,
        "marketplace": "etsy",
        "externalStoreId": "ext-1",
        "storeName": "Mine now",
        "accessToken": "x",
        "currency": "USD",
    }
    refused = await stranger.send("POST", "/stores/register", body)
    assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
    hidden = await stranger.send("GET", f"/stores/{store['storeId']}/logs")
    assert (hidden.status_code, hidden.json()) == (404, {"error": "Store not found"})
    for path in ("/stores", "/webhooks"):
        listing = await stranger.send("GET", path, organizationId=consumer.organization_id)
        assert listing.status_code == 403


async def test_bad_requests_are_told_in_the_flat_shape(consumer: Consumer) -> None:
    http = consumer.service.http
    unknown = await http.post(f"{MOUNT}/orders/import", json={"syncToken": str(uuid4()), "receipt": "x"})
    assert (unknown.status_code, unknown.json()) == (404, {"error": "Store not found"})
    for body in (
        {},
        {"receipt": "x"},
        {"syncToken": "nope", "receipt": "x"},
        {"syncToken": str(uuid4()), "receipt": ""},
    ):
        refused = await http.post(f"{MOUNT}/orders/import", json=body)
        assert (refused.status_code, refused.json()["error"]) == (400, "Validation error")
        assert refused.json()["details"]
    assert (await http.get(f"{MOUNT}/stores/sync-status")).status_code == 400


async def test_no_receipt_makes_an_id_that_temporal_refuses(consumer: Consumer) -> None:
    store = await consumer.store()
    for receipt in ("ü" * 254 + "1", "a b\t1", "x" * 254 + "1"):
        assert (await consumer.import_(store, receipt))["success"]
    assert order_import_id(UUID(int=0), "order-101") == f"order-import:{UUID(int=0)}:order-101"
