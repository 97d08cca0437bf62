"""Purchases over real HTTP, Temporal and the simulated CardTrader, whose books say what was really sold."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from devstack import DevStack
from devstack.service import RunningService
from tests.helpers.linear import Op, is_linearizable
from tests.helpers.shop import Shop
from tests.helpers.waiting import eventually
from tests.integration.cards.conftest import OpenShop
from tests.integration.cards.test_bulk_sync import EXACT


@pytest.fixture
async def shop(open_shop: OpenShop) -> AsyncIterator[Shop]:
    """A synchronised shop that listens to webhooks; what is under test is not the limit, so there is none."""
    shop = await open_shop(products=300)
    await shop.sync()
    await shop.listen()
    yield shop
    await shop.clear_faults()


async def item(shop: Shop, copies: int, skip: int = 0) -> tuple[int, int]:
    """(our id, product id) of an item that is made to have so many copies, here and there."""
    (row,) = await shop.rows(
        "SELECT id, external_stock_id::bigint AS product FROM user_inventory_items"
        " WHERE user_id = $1 AND sync_state = 'synced' ORDER BY id OFFSET $2 LIMIT 1",
        skip,
    )
    change = {"token": shop.token, "quantity": copies}
    (await shop.site.patch(f"/products/{row['product']}", json=change)).raise_for_status()
    await shop.rows("UPDATE user_inventory_items SET quantity = $3 WHERE user_id = $1 AND id = $2", row["id"], copies)
    return row["id"], row["product"]


async def left_there(shop: Shop, product: int) -> int:
    """Copies CardTrader has."""
    found = (await shop.site.get("/products", params={"ids": product, "token": shop.token})).raise_for_status().json()
    return int(found[0]["quantity"]) if found else 0


async def here(shop: Shop, item_id: int) -> tuple[int, int]:
    """(quantity, reserved) of a row."""
    (row,) = await shop.rows(
        "SELECT quantity, reserved_quantity FROM user_inventory_items WHERE user_id = $1 AND id = $2", item_id
    )
    return row["quantity"], row["reserved_quantity"]


async def buy(shop: Shop, item_id: int, copies: int = 1, key: str = "") -> httpx.Response:
    """Buy, with a key of its own unless given."""
    return await shop.api.post(
        f"/purchase/{shop.user_id}/item/{item_id}",
        json={"purchaseQuantity": copies},
        headers={"Idempotency-Key": key or str(uuid4())},
    )


async def decided(shop: Shop, item_id: int, copies: int = 1, key: str = "", seconds: float = 60) -> httpx.Response:
    """Buy, and ask again with the same key while it is undecided."""
    key = key or str(uuid4())

    async def over() -> httpx.Response:
        answer = await buy(shop, item_id, copies, key)
        assert answer.status_code != 202
        return answer

    return await eventually(over, seconds, pause=0.2)


async def at_rest(shop: Shop) -> None:
    """Wait until both books agree, nothing is reserved and no purchase is open."""

    async def same() -> None:
        assert not await shop.rows("SELECT 1 FROM purchases WHERE user_id = $1 AND ended_at IS NULL")
        assert not await shop.rows(
            "SELECT 1 FROM user_inventory_items"
            " WHERE user_id = $1 AND (sync_state <> 'synced' OR reserved_quantity > 0)"
        )
        assert await shop.drift() == EXACT

    await eventually(same, 60)


async def judged(shop: Shop, item_id: int, copies: int, buyers: int) -> list[Op]:
    """The history of so many buyers of one copy each, all at once."""

    async def buyer() -> Op:
        called = time.monotonic()
        answer = await decided(shop, item_id)
        return Op("take", copies, called, time.monotonic(), answer.status_code == 200)

    return list(await asyncio.gather(*(buyer() for _ in range(buyers))))


async def test_fifty_buyers_of_the_last_copy(shop: Shop) -> None:
    item_id, product = await item(shop, 1)
    history = await judged(shop, item_id, 1, buyers=50)
    assert Counter(op.ok for op in history) == {True: 1, False: 49}
    assert is_linearizable(1, history)
    assert await left_there(shop, product) == 0
    assert await here(shop, item_id) == (0, 0)


async def test_more_buyers_than_copies_of_two_items(shop: Shop) -> None:
    (first, one), (second, other) = await item(shop, 4), await item(shop, 3, skip=1)
    histories = await asyncio.gather(judged(shop, first, 1, buyers=8), judged(shop, second, 1, buyers=8))
    for history, copies in zip(histories, (4, 3), strict=True):
        assert sum(bool(op.ok) for op in history) == copies
        assert is_linearizable(copies, history)
    assert (await left_there(shop, one), await left_there(shop, other)) == (0, 0)


async def test_a_key_is_one_purchase_however_often_and_at_once_it_is_asked(shop: Shop) -> None:
    item_id, product = await item(shop, 9)
    answers = await asyncio.gather(*(decided(shop, item_id, 2, key="again") for _ in range(10)))
    answers.append(await buy(shop, item_id, 2, key="again"))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert await left_there(shop, product) == 7
    assert (await buy(shop, item_id, 1, key="again")).status_code == 409


async def test_buyers_here_and_there_get_every_copy_once(shop: Shop) -> None:
    """A sale there may be told late: then CardTrader's own quantity keeps the last copies from being sold twice."""
    item_id, product = await item(shop, 6)
    await shop.fault("webhook_delay", seconds=1.5, count=2)
    history: list[Op] = []

    async def there(copies: int) -> None:
        called = time.monotonic()
        answer = await shop.site.post("/sell", json=sale(shop, product, copies))
        history.append(Op("take", copies, called, time.monotonic(), answer.is_success))

    _, _, mine = await asyncio.gather(there(2), there(1), judged(shop, item_id, 1, buyers=8))
    history += mine
    assert is_linearizable(6, history, cautious=True)
    sold = sum(op.copies for op in history if op.ok)
    assert await left_there(shop, product) == 6 - sold
    await at_rest(shop)


async def test_a_lost_answer_is_read_up_on(shop: Shop) -> None:
    item_id, product = await item(shop, 5)
    await shop.fault("lost_answer", path="increment", count=1)
    assert (await decided(shop, item_id, 2)).status_code == 200
    assert await left_there(shop, product) == 3
    await at_rest(shop)


async def test_faults_of_cardtrader_delay_a_purchase_and_never_double_it(shop: Shop) -> None:
    item_id, product = await item(shop, 20)
    await shop.fault("status", path="increment", status=503, probability=0.3, seed=1)
    await shop.fault("lost_answer", path="increment", probability=0.3, seed=2)
    await shop.fault("drop_request", path="products", probability=0.2, seed=3)
    answers = await asyncio.gather(*(decided(shop, item_id, 1, seconds=100) for _ in range(3)))
    await shop.clear_faults()
    bought = sum(answer.status_code == 200 for answer in answers)
    refused = [answer.json()["error"]["context"].get("reason") for answer in answers if answer.status_code != 200]
    assert set(refused) <= {"OUTCOME_UNKNOWN"}
    assert bought <= 20 - await left_there(shop, product) <= bought + len(refused)
    await at_rest(shop)


async def test_a_sync_in_between_neither_raises_nor_loses_anything(shop: Shop) -> None:
    item_id, product = await item(shop, 9)
    await shop.fault("slow", bytes_per_second=200_000, count=1)
    task_id = await shop.start()
    assert (await decided(shop, item_id, 4)).status_code == 200
    assert (await shop.ended(task_id))["state"] == "completed"
    assert await here(shop, item_id) == (5, 0)
    assert await left_there(shop, product) == 5
    await at_rest(shop)


async def test_workers_killed_in_the_middle_decide_every_purchase_once(
    shop: Shop, service: RunningService, stack: DevStack
) -> None:
    """The worker dies while CardTrader takes its time: some copies are taken, some asked for, some only reserved."""
    item_id, product = await item(shop, 10)
    await shop.fault("latency", path="products", seconds=0.4)
    buyers = [asyncio.create_task(decided(shop, item_id, 1, seconds=100)) for _ in range(4)]

    async def sending() -> None:
        assert await shop.rows("SELECT 1 FROM purchases WHERE user_id = $1 AND state = 'sending'")

    await eventually(sending, 20)
    process = service.processes["worker-other"]
    assert stack.respawn(process).exit_code is None
    answers = await asyncio.gather(*buyers)
    assert {answer.status_code for answer in answers} == {200}
    assert await left_there(shop, product) == 6
    assert await here(shop, item_id) == (6, 0)


def sale(shop: Shop, product: int, copies: int) -> dict[str, object]:
    """A purchase on CardTrader."""
    return {"token": shop.token, "lines": [{"product_id": product, "quantity": copies}]}
