"""Sales on CardTrader, told by its webhooks over real HTTP: lowered at once, read again, and in the end equal."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio.client import Client

from api.cards.intake import take_in
from api.cards.senders import Sender
from db.session import Database
from db.vault import Vault
from devstack.service import RunningService
from domain.cards.orders import read_event
from tests.helpers.api import fake_services
from tests.helpers.shop import Shop
from tests.helpers.waiting import eventually
from tests.integration.cards.conftest import OpenShop
from tests.integration.cards.test_bulk_sync import EXACT
from workflows.cards.contracts import account_id


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    """A synchronised shop that listens to webhooks; the simulator's knobs are put back afterwards."""
    shop = await open_shop(products=500)
    knobs = (await shop.site.get("/knobs")).json()
    await shop.sync()
    await shop.listen()
    yield shop
    await shop.clear_faults()
    (await shop.site.patch("/knobs", json=knobs)).raise_for_status()


async def listed(shop: Shop, copies: int = 1, most: int = 50) -> list[tuple[int, int]]:
    """(product id, quantity) of products with at least that many copies."""
    rows = await shop.rows(
        "SELECT external_stock_id::bigint AS product, quantity FROM user_inventory_items"
        " WHERE user_id = $1 AND quantity >= $2 ORDER BY id LIMIT $3",
        copies,
        most,
    )
    return [(row["product"], row["quantity"]) for row in rows]


async def row_of(shop: Shop, product: int) -> tuple[int, str]:
    """Quantity and state of a product here."""
    (row,) = await shop.rows(
        "SELECT quantity, sync_state FROM user_inventory_items WHERE user_id = $1 AND external_stock_id = $2",
        str(product),
    )
    return row["quantity"], row["sync_state"]


async def equal(shop: Shop) -> None:
    """Wait until both books agree and nothing is uncertain."""

    async def same() -> None:
        assert await shop.drift() == EXACT
        assert not await shop.rows(
            "SELECT 1 FROM user_inventory_items WHERE user_id = $1 AND sync_state <> 'synced' LIMIT 1"
        )

    await eventually(same, 30)


async def test_a_sale_lowers_the_stock_at_once_and_its_reread_settles_it(shop: Shop) -> None:
    (product, quantity), *_ = await listed(shop, copies=3)
    # The re-read is refused for a while: what is seen meanwhile is the webhook's work alone.
    await shop.fault("status", path="products/export", status=503)
    await shop.sell((product, 2))

    async def lowered() -> None:
        assert await row_of(shop, product) == (quantity - 2, "uncertain")

    await eventually(lowered, 10)
    assert await shop.events() == {"": 1}
    await shop.clear_faults()
    assert await shop.settled(1) == {"read again": 1}
    await equal(shop)
    assert await row_of(shop, product) == (quantity - 2, "synced")


async def test_the_life_of_a_zero_order_counts_its_copies_once(shop: Shop) -> None:
    (first, had), (second, _), *_ = await listed(shop, copies=3)
    orders = [await shop.sell((first, 1), zero=True), await shop.sell((first, 1), (second, 1), zero=True)]
    await shop.settled(2)
    merged = (await shop.site.post("/merge-hub", params={"token": shop.token})).raise_for_status().json()
    for state in ("sent", "arrived", "done"):
        await shop.order_state(merged["id"], state)
    seen = await shop.settled(2 + 1 + len(orders) + 3)
    assert seen["no stock effect"] == 5
    await equal(shop)
    assert (await row_of(shop, first))[0] == had - 2
    lines = await shop.rows("SELECT sum(quantity) AS copies FROM order_lines WHERE user_id = $1 AND decrement_applied")
    assert lines[0]["copies"] == 3


@pytest.mark.parametrize("relist", ["same_id", "new_id"])
async def test_a_cancelled_and_relisted_sale_comes_back_by_the_reread_alone(shop: Shop, relist: str) -> None:
    (product, quantity), *_ = await listed(shop)
    await shop.site.patch("/knobs", json={"relist": relist})
    order = await shop.sell((product, quantity))
    await shop.settled(1)
    assert (await row_of(shop, product))[0] == 0
    await shop.order_state(order["id"], "request_for_cancel")
    await shop.order_state(order["id"], "canceled", relist=True)
    await shop.site.delete(f"/orders/{order['id']}", params={"token": shop.token})
    await shop.settled(4)
    await equal(shop)


async def test_a_forged_webhook_changes_nothing(shop: Shop) -> None:
    before = await shop.fingerprint()
    await shop.fault("webhook_forge", count=1)
    await shop.site.patch("/knobs", json={"webhook_retries": 0})
    await shop.sell()

    async def refused() -> None:
        assert (await shop.site.get("/webhooks")).json().get("status_401", 0) >= 1

    await eventually(refused)
    assert await shop.events() == {}
    assert await shop.fingerprint() == before


async def test_a_dropped_webhook_is_repaired_by_the_next_sync(shop: Shop) -> None:
    await shop.fault("webhook_drop", count=1)
    await shop.sell(random_lines=3)
    assert await shop.drift() != EXACT
    await shop.sync()
    assert await shop.drift() == EXACT


async def test_random_traffic_through_a_bad_network_ends_in_equal_books(shop: Shop) -> None:
    await shop.fault("webhook_duplicate", probability=0.3, seed=1)
    await shop.fault("webhook_duplicate", probability=0.3, seed=2, new_id=True)
    await shop.fault("webhook_reorder", probability=0.3, seed=3)
    weights = {"sell": 60, "sell_zero": 20, "merge": 5, "cancel": 15, "edit": 0, "destroy": 0}
    traffic = {"token": shop.token, "events": 40, "per_second": 80, "weights": weights}
    (await shop.site.post("/traffic", json=traffic)).raise_for_status()

    async def delivered() -> None:
        assert (await shop.site.get("/health")).json()["background"] == 0
        await shop.site.post("/webhooks/flush")
        assert (await shop.site.get("/webhooks")).json()["pending"] == 0

    await eventually(delivered, 30)
    await shop.settled(30)
    await equal(shop)


async def test_a_burst_of_webhooks_makes_few_signals(shop: Shop, temporal_client: Client) -> None:
    products = await listed(shop, copies=7)
    assert len(products) * 7 >= 200
    await shop.site.patch("/knobs", json={"webhook_concurrency": 16})
    await asyncio.gather(*(shop.sell((product, 1)) for product, _ in products * 7))
    await shop.settled(len(products) * 7)
    await equal(shop)
    history = await temporal_client.get_workflow_handle(account_id(shop.user_id)).fetch_history()
    signals = [event for event in history.events if event.HasField("workflow_execution_signaled_event_attributes")]
    # About four a second while webhooks arrive, however many they are.
    seconds = (signals[-1].event_time.ToMicroseconds() - signals[0].event_time.ToMicroseconds()) / 1e6
    assert 1 <= len(signals) <= min(5 + 5 * seconds, len(products) * 7 / 2)
    sold = {str(product) for product, _ in products}
    assert not [product for product in sold if f'"{product}"' in json.dumps(history.to_json_dict())]


async def test_what_was_committed_but_never_signalled_is_relayed(shop: Shop, service: RunningService) -> None:
    """As if the API died, or Temporal was away, between the commit and the poke."""
    (product, quantity), *_ = await listed(shop, copies=2)
    await shop.fault("webhook_drop", count=1)
    order = await shop.sell((product, 1))
    body = webhook(order, "order.create")
    database = Database.connect(service.environment["DATABASE_URL"])
    vault = Vault.from_setting(service.environment["FERNET_KEY"])
    services = replace(fake_services(database), vault=vault)
    [row] = await shop.rows("SELECT webhook_secret FROM user_sync_settings WHERE user_id = $1")
    assert await take_in(services, Sender(shop.user_id, row["webhook_secret"]), read_event(body), body)
    await database.close()
    assert await shop.settled(1) == {"read again": 1}
    assert await row_of(shop, product) == (quantity - 1, "synced")


async def test_a_revoked_token_keeps_the_events_until_the_account_is_linked_again(shop: Shop) -> None:
    await shop.fault("status", path="products/export", status=401)
    await shop.sell()

    async def suspended() -> None:
        status = (await shop.api.get(f"/status/{shop.user_id}")).json()
        assert status["sync_status"] == "error", status
        assert "no longer accepts the token" in status["last_error"]

    await eventually(suspended)
    assert await shop.events() == {"": 1}
    await shop.clear_faults()
    await shop.link()
    assert await shop.settled(1) == {"read again": 1}
    await equal(shop)


def webhook(order: dict[str, Any], cause: str, **changes: Any) -> bytes:
    """A webhook's body."""
    event = {"id": f"e-{order['id']}", "time": 1, "cause": cause, "object_class": "Order", "mode": "live"}
    return json.dumps({**event, "object_id": order["id"], "data": order, **changes}).encode()
