"""Reconciliation over real servers and real HTTP: what is repaired, what is reported, what a dry run leaves alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from temporalio.client import Client

from tests.helpers.shop import Answer, Shop, conserved
from tests.helpers.waiting import eventually
from tests.integration.cards.conftest import OpenShop
from tests.integration.cards.test_bulk_sync import EXACT
from workflows.cards.contracts import RECONCILE_SWEEP_WORKFLOW, SweepPlan, SweepState
from workflows.task_queues import HIGH_PRIORITY


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    """A synchronised shop that listens to webhooks."""
    shop = await open_shop(products=500)
    await shop.sync()
    await shop.listen()
    yield shop
    await shop.clear_faults()


async def reconcile(shop: Shop, **params: Any) -> Answer:
    """Reconcile by hand and wait; the report."""
    answer = await shop.api.post(f"/sync-from-cardtrader/{shop.user_id}", params=params)
    task_id = answer.raise_for_status().json()["task_id"]

    async def ended() -> None:
        task = (await shop.api.get(f"/task/{task_id}")).raise_for_status().json()
        assert task["ready"], task
        assert task["status"] == "SUCCESS", task

    await eventually(ended, 60)
    return await report(shop, operation_id=task_id)


async def report(shop: Shop, **params: Any) -> Answer:
    found: Answer = (await shop.api.get(f"/drift/{shop.user_id}", params=params)).raise_for_status().json()
    return found


async def products(shop: Shop, most: int = 10, copies: int = 2) -> list[tuple[int, int, int]]:
    """(product, blueprint, quantity) of some rows, each of another blueprint."""
    rows = await shop.rows(
        "SELECT DISTINCT ON (blueprint_id) external_stock_id::bigint AS product, blueprint_id, quantity"
        " FROM user_inventory_items WHERE user_id = $1 AND quantity >= $2 LIMIT $3",
        copies,
        most,
    )
    return [tuple(row) for row in rows]


async def edit(shop: Shop, product: int, **fields: Any) -> None:
    change = {"token": shop.token, **fields}
    (await shop.site.patch(f"/products/{product}", json=change)).raise_for_status()


async def everything(shop: Shop) -> tuple[Any, ...]:
    """All that a dry run must leave as it is."""
    account = await shop.rows("SELECT md5(seller::text) FROM user_sync_settings AS seller WHERE user_id = $1")
    counts = await shop.rows(
        "SELECT (SELECT count(*) FROM order_lines WHERE user_id = $1), (SELECT count(*) FROM webhook_inbox"
        " WHERE user_id = $1), (SELECT count(*) FROM failed_records WHERE user_id = $1)"
    )
    return (*await shop.fingerprint(), *map(tuple, account), *map(tuple, counts))


def told(seen: Answer) -> set[tuple[Any, ...]]:
    return {(item["kind"], item["product_id"], item["field"], item["cause"]) for item in seen["items"]}


async def test_edits_on_the_site_are_corrected_and_reported_field_by_field(shop: Shop) -> None:
    (first, _, had), (second, _, _), (third, _, _), *_ = await products(shop)
    await edit(shop, first, quantity=had + 3, price_cents=1)
    await edit(shop, second, description="new words")
    (await shop.site.delete(f"/products/{third}", params={"token": shop.token})).raise_for_status()
    seen = await reconcile(shop)
    assert told(seen) == {
        ("corrected", first, "quantity", "edited_on_cardtrader"),
        ("corrected", first, "price_cents", "edited_on_cardtrader"),
        ("corrected", second, "description", "edited_on_cardtrader"),
        ("missing", third, "", "edited_on_cardtrader"),
    }
    values = {item["field"]: (item["old"], item["new"]) for item in seen["items"] if item["product_id"] == first}
    assert values["quantity"] == (had, had + 3)
    assert values["price_cents"][1] == 1
    assert seen["summary"] == {
        "equal": 497,
        "corrected": 2,
        "missing": 1,
        "extra": 0,
        "contested": 0,
        "missed_orders": 0,
        "causes": {"edited_on_cardtrader": 3},
    }
    assert await shop.drift() == EXACT
    assert (await reconcile(shop))["summary"]["equal"] == 499


async def test_many_changes_are_counted_exactly(shop: Shop) -> None:
    wanted = {"token": shop.token, "fraction_changed": 0.2, "fraction_gone": 0.02}
    changed = (await shop.site.post("/change", json=wanted)).json()
    seen = await reconcile(shop)
    summary = seen["summary"]
    assert (summary["corrected"], summary["missing"]) == (changed["changed"], changed["gone"])
    assert summary["equal"] == 500 - changed["changed"] - changed["gone"]
    compared = sum(summary[name] for name in ("equal", "corrected", "extra", "contested"))
    assert compared == (await shop.progress())["total_products"]
    assert await shop.drift() == EXACT
    page = await report(shop, limit=10)
    rest = await report(shop, limit=1000, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == (await report(shop, limit=1000))["items"]
    assert conserved(await shop.progress())


async def test_a_lost_webhook_is_found_in_the_orders_and_named(shop: Shop) -> None:
    (sold, _, had), (gone, _, copies), *_ = await products(shop)
    await shop.fault("webhook_drop", count=2)
    await shop.sell((sold, 1))
    await shop.sell((gone, copies))
    await shop.clear_faults()
    seen = await reconcile(shop)
    assert told(seen) == {
        ("corrected", sold, "quantity", "missed_webhook"),
        ("missing", gone, "", "missed_webhook"),
    }
    assert {item["product_id"]: item["old"] for item in seen["items"]}[sold] == had
    summary = seen["summary"]
    assert (summary["missed_orders"], summary["causes"]) == (2, {"missed_webhook": 2})
    assert await shop.settled(2) == {"read again": 2}
    assert await shop.drift() == EXACT
    lines = await shop.rows("SELECT sum(quantity) FROM order_lines WHERE user_id = $1 AND decrement_applied")
    assert lines[0][0] == 1 + copies
    again = (await reconcile(shop))["summary"]
    assert (again["missed_orders"], again["corrected"], again["missing"]) == (0, 0, 0)


async def test_orders_that_webhooks_told_of_are_not_missed(shop: Shop) -> None:
    for product, *_ in await products(shop, most=3):
        await shop.sell((product, 1))
    await shop.settled(3)
    seen = await reconcile(shop)
    assert (seen["summary"]["missed_orders"], seen["items"]) == (0, [])
    (row,) = await shop.rows("SELECT highest_order_id FROM user_sync_settings WHERE user_id = $1")
    known = await shop.rows("SELECT max(order_id) FROM order_lines WHERE user_id = $1")
    assert row[0] == known[0][0]


async def test_a_sale_that_a_sync_has_seen_is_no_drift(shop: Shop) -> None:
    """The webhook was lost, but an export brought the smaller quantity before anybody read the orders."""
    ((product, _, _), *_) = await products(shop, most=1)
    await shop.fault("webhook_drop", count=1)
    await shop.sell((product, 1))
    await shop.clear_faults()
    await shop.sync()
    seen = await reconcile(shop)
    assert (seen["summary"]["missed_orders"], seen["items"]) == (1, [])
    await shop.settled(1)
    assert await shop.drift() == EXACT


async def test_orders_older_than_the_link_are_not_read(open_shop: OpenShop) -> None:
    shop = await open_shop(products=100)
    await shop.sync()
    orders = [await shop.sell(), await shop.sell()]
    await shop.sync()
    await shop.rows("UPDATE user_sync_settings SET highest_order_id = NULL WHERE user_id = $1 RETURNING 1")
    assert (await reconcile(shop))["summary"]["missed_orders"] == 0
    (row,) = await shop.rows("SELECT highest_order_id FROM user_sync_settings WHERE user_id = $1")
    assert row[0] == orders[-1]["id"]


async def test_a_dry_run_reports_the_same_and_changes_nothing(shop: Shop) -> None:
    (first, _, _), (sold, _, _), (gone, _, _), *_ = await products(shop)
    await edit(shop, first, price_cents=1)
    (await shop.site.delete(f"/products/{gone}", params={"token": shop.token})).raise_for_status()
    await shop.fault("webhook_drop", count=1)
    await shop.sell((sold, 1))
    await shop.clear_faults()
    before = await everything(shop)
    dry = await reconcile(shop, dry_run=True)
    assert await everything(shop) == before
    assert dry["dry_run"]
    assert told(dry) == {
        ("corrected", first, "price_cents", "edited_on_cardtrader"),
        ("corrected", sold, "quantity", "missed_webhook"),
        ("missing", gone, "", "edited_on_cardtrader"),
    }
    wet = await reconcile(shop)
    assert told(wet) == told(dry)
    assert wet["summary"]["missed_orders"] == dry["summary"]["missed_orders"] == 1
    await shop.settled(1)
    assert await shop.drift() == EXACT


async def test_a_sweep_reconciles_an_active_account(shop: Shop, temporal_client: Client) -> None:
    ((product, _, had), *_) = await products(shop, most=1)
    await edit(shop, product, quantity=had + 1)
    # From just before this account on, and nobody after it: the next page is an hour away.
    before = UUID(int=shop.user_id.int - 1)
    start = SweepState(plan=SweepPlan(page=1, pause_seconds=3600), sweep_id=uuid4(), after=before)
    sweep = await temporal_client.start_workflow(
        RECONCILE_SWEEP_WORKFLOW, start, id=f"sweep-{uuid4()}", task_queue=HIGH_PRIORITY
    )

    async def reported() -> Answer:
        answer = await shop.api.get(f"/drift/{shop.user_id}")
        assert answer.status_code == 200, answer.text
        found: Answer = answer.json()
        return found

    seen = await eventually(reported, 60)
    await sweep.terminate()
    assert told(seen) == {("corrected", product, "quantity", "edited_on_cardtrader")}
    status = (await shop.api.get(f"/status/{shop.user_id}")).json()
    assert (status["sync_status"], status["last_error"]) == ("active", None)
    assert await shop.drift() == EXACT


async def test_one_blueprint_is_reconciled_alone(shop: Shop) -> None:
    (first, blueprint, had), (other, _, _), *_ = await products(shop)
    await edit(shop, first, quantity=had + 1)
    await edit(shop, other, price_cents=1)
    before = await everything(shop)
    dry = await reconcile(shop, blueprint_id=blueprint, dry_run=True)
    assert await everything(shop) == before
    seen = await reconcile(shop, blueprint_id=blueprint)
    assert told(seen) == told(dry) == {("corrected", first, "quantity", "edited_on_cardtrader")}
    assert (seen["blueprint_id"], seen["dry_run"], seen["summary"]["corrected"]) == (blueprint, False, 1)
    assert (await shop.drift()).different == 1
    assert (await shop.progress())["state"] == "completed"


async def test_a_blueprint_that_is_gone_is_missing(shop: Shop) -> None:
    ((product, blueprint, _), *_) = await products(shop, most=1)
    await shop.rows(
        "DELETE FROM user_inventory_items WHERE user_id = $1 AND blueprint_id = $2 AND external_stock_id"
        " <> $3 RETURNING 1",
        blueprint,
        str(product),
    )
    (await shop.site.delete(f"/products/{product}", params={"token": shop.token})).raise_for_status()
    seen = await reconcile(shop, blueprint_id=blueprint)
    assert ("missing", product, "", "unknown") in told(seen)
    again = await reconcile(shop, blueprint_id=blueprint)
    assert (again["items"], again["summary"]["missing"]) == ([], 0)
    rows = await shop.rows(
        "SELECT quantity, stale_since IS NOT NULL FROM user_inventory_items WHERE user_id = $1"
        " AND external_stock_id = $2",
        str(product),
    )
    assert [tuple(row) for row in rows] == [(0, True)]


async def test_a_reconciliation_that_cannot_be_done_leaves_the_account_active(shop: Shop) -> None:
    await shop.fault("status", path="products/export", status=401)
    answer = await shop.api.post(f"/sync-from-cardtrader/{shop.user_id}", params={"dry_run": True})
    task_id = answer.raise_for_status().json()["task_id"]

    async def failed() -> Answer:
        task: Answer = (await shop.api.get(f"/task/{task_id}")).json()
        assert task["ready"], task
        return task

    task = await eventually(failed, 30)
    assert (task["status"], task["error"]["code"]) == ("FAILURE", "TOKEN_REJECTED")
    assert (await shop.api.get(f"/status/{shop.user_id}")).json()["sync_status"] == "active"
    (report_missing,) = [await shop.api.get(f"/drift/{shop.user_id}", params={"operation_id": task_id})]
    assert report_missing.status_code == 404
