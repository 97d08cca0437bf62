"""The purchase route over a real database: what is refused at once, what a key means, what an undecided one answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.cards.purchase_relay import PurchaseRelay
from api.cards.purchase_runs import PurchaseRuns
from api.cards.services import CardsServices
from api.main import create_app
from api.temporal import connect
from db.cards import purchases
from db.cards.purchases import Purchase
from db.cards.tables import user_inventory_items
from db.notices import Notices
from db.session import Database
from domain.cards.purchases import Reason
from tests.helpers.api import PREFIX, FakePurchases, bearer, error_of, opening, serving, settings_for_tests, token_for
from tests.helpers.api_seller import Seller
from workflows.cards.contracts import purchase_id
from workflows.cards.purchasing import start_purchase

PRODUCT = 390000001


async def stocked(seller: Seller, quantity: int = 5, **values: Any) -> int:
    """The id of an item."""
    row = {"blueprint_id": 121777, "external_stock_id": str(PRODUCT), "price_cents": 100, "quantity": quantity}
    await seller.add(user_inventory_items, **{**row, **values})
    (found,) = await seller.rows("SELECT id FROM user_inventory_items WHERE user_id = :user_id")
    return int(found.id)


async def buy(
    seller: Seller,
    item: int | str,
    quantity: int = 1,
    *,
    key: str | None = None,
    http: httpx.AsyncClient | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    """Post a purchase."""
    named = {"Idempotency-Key": key} if key is not None else {}
    return await (http or seller.http).post(
        f"{PREFIX}/purchase/{seller.user_id}/item/{item}",
        json={"purchaseQuantity": quantity} if body is None else body,
        headers={**(headers or seller.headers), **named},
    )


@dataclass
class Till(PurchaseRuns):
    """Decides at once, as a worker would."""

    database: Database
    reason: Reason | None = None
    seen: list[Purchase] = field(default_factory=list)

    async def ended(self, purchase: Purchase) -> bool:
        self.seen.append(purchase)
        async with self.database.begin() as connection:
            taking = await purchases.advance(connection, purchase.operation_id)
            if taking is None or not taking.is_open:
                return True
            if self.reason is None:
                await purchases.note_sending(connection, taking, 5)
                await purchases.confirm(connection, taking, 5 - taking.quantity)
            else:
                await purchases.refuse(connection, taking, self.reason)
        return True


def deciding(services: CardsServices, reason: Reason | None = None) -> CardsServices:
    """CardsServices whose purchases are decided at once."""
    return replace(services, purchases=Till(services.database, reason))


async def test_a_purchase_answers_in_the_words_of_the_seed_and_of_its_code(
    seller: Seller, services: CardsServices
) -> None:
    item = await stocked(seller)
    async with serving(create_app(settings_for_tests(), opening(deciding(services)))) as http:
        answer = (await buy(seller, item, 2, http=http, key="k1")).raise_for_status().json()
        again = await buy(seller, item, 2, http=http, key="k1")
        assert (again.status_code, again.json()) == (200, answer)
    (operation,) = await seller.rows("SELECT operation_id, status FROM sync_operations WHERE user_id = :user_id")
    assert operation.status == "completed"
    assert answer == {
        "status": "purchased",
        "task_id": operation.operation_id,
        "item_id": item,
        "quantity_purchased": 2,
        "remaining_quantity": 3,
        "message": "Purchase successful",
        "available": 3,
        "quantity_before": 5,
        "quantity_after": 3,
        "cardtrader_sync_queued": False,
        "external_stock_id": str(PRODUCT),
        "error": None,
    }


async def test_both_names_of_the_quantity_are_taken_but_only_one_at_a_time(seller: Seller) -> None:
    item = await stocked(seller)
    assert (await buy(seller, item, body={"quantity": 1})).status_code == 202
    for body in ({"quantity": 1, "purchaseQuantity": 1}, {"quantity": "1"}, {"quantity": 0}, {"quantity": 2**31}, {}):
        error_of(await buy(seller, item, body=body), 422)


async def test_an_undecided_purchase_is_accepted_and_its_key_joins_it(seller: Seller, services: CardsServices) -> None:
    item = await stocked(seller)
    answers = [await buy(seller, item, 2, key="k") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    (task_id,) = {answer.json()["task_id"] for answer in answers}
    task = (await seller.get(f"/task/{task_id}")).raise_for_status().json()
    assert (task["status"], task["ready"]) == ("PENDING", False)
    assert isinstance(services.purchases, FakePurchases)
    assert len([one for one in services.purchases.started if str(one.operation_id) == task_id]) == 3
    (row,) = await seller.rows("SELECT quantity, reserved_quantity FROM user_inventory_items WHERE user_id = :user_id")
    assert tuple(row) == (5, 2)


async def test_concurrent_requests_of_one_key_are_one_purchase(seller: Seller) -> None:
    item = await stocked(seller, 2)
    answers = await asyncio.gather(*(buy(seller, item, 2, key="same") for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {202: 20}
    assert len({answer.json()["task_id"] for answer in answers}) == 1


async def test_a_key_used_for_something_else_is_a_conflict(seller: Seller) -> None:
    item = await stocked(seller)
    other_user = Seller(uuid4(), seller.http, seller.services, seller.verifier)
    await other_user.link()
    other = await stocked(other_user)
    assert (await buy(seller, item, 2, key="k")).status_code == 202
    assert error_of(await buy(seller, item, 1, key="k"), 409)["code"] == "IDEMPOTENCY_KEY_REUSED"
    # Keys are the seller's.
    assert (await buy(other_user, other, 1, key="k")).status_code == 202


@pytest.mark.parametrize("key", ["", "with space", "ü", "k" * 201], ids=["empty", "space", "not ascii", "long"])
async def test_a_key_that_is_none_is_refused(seller: Seller, key: str) -> None:
    item = await stocked(seller)
    headers = [(name.encode(), value.encode()) for name, value in {**seller.headers, "Idempotency-Key": key}.items()]
    answer = await seller.http.post(
        f"{PREFIX}/purchase/{seller.user_id}/item/{item}", json={"quantity": 1}, headers=headers
    )
    error_of(answer, 422)


async def test_too_few_copies_are_a_bad_request_that_leaves_no_trace(seller: Seller) -> None:
    item = await stocked(seller, 3, reserved_quantity=2)
    error = error_of(await buy(seller, item, 2, key="k"), 400)
    assert error["code"] == "INSUFFICIENT_QUANTITY"
    assert (error["context"]["available"], error["context"]["requested"]) == (1, 2)
    assert not await seller.rows("SELECT 1 FROM sync_operations WHERE user_id = :user_id")
    # The same key may ask for what there is.
    assert (await buy(seller, item, 1, key="k")).status_code == 202


@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({"external_stock_id": None}, 400, "INVENTORY_ITEM_MISSING_EXTERNAL_ID"),
        ({"deleted_at": "2026-01-01T00:00:00Z"}, 404, "INVENTORY_ITEM_NOT_FOUND"),
    ],
)
async def test_what_cannot_be_bought(seller: Seller, values: dict[str, Any], status: int, code: str) -> None:
    item = await stocked(seller)
    for column, value in values.items():
        literal = "NULL" if value is None else f"'{value}'"
        update = f"UPDATE user_inventory_items SET {column} = {literal} WHERE user_id = :user_id RETURNING 1"  # noqa: S608
        await seller.rows(update)
    assert error_of(await buy(seller, item), status)["code"] == code


async def test_unknown_and_foreign_items_are_not_found(seller: Seller) -> None:
    other = Seller(uuid4(), seller.http, seller.services, seller.verifier)
    await other.link()
    foreign = await stocked(other)
    for item in (foreign, 2**62):
        assert error_of(await buy(seller, item), 404)["code"] == "INVENTORY_ITEM_NOT_FOUND"
    for unusable in ("0", "x", str(2**63)):
        error_of(await buy(seller, unusable), 422)


async def test_a_suspended_account_sells_nothing(seller: Seller) -> None:
    item = await stocked(seller)
    await seller.update_settings("suspended_at = now()")
    error = error_of(await buy(seller, item), 409)
    assert (error["code"], error["context"]["reason"]) == ("PURCHASE_REFUSED", "ACCOUNT_UNUSABLE")


async def test_a_refused_purchase_says_why_each_time_it_is_asked(seller: Seller, services: CardsServices) -> None:
    item = await stocked(seller)
    refusing = deciding(services, "NOT_AVAILABLE_ON_CARDTRADER")
    async with serving(create_app(settings_for_tests(), opening(refusing))) as http:
        for _ in range(2):
            error = error_of(await buy(seller, item, http=http, key="k"), 409)
            assert error["code"] == "PURCHASE_REFUSED"
            assert error["context"]["reason"] == "NOT_AVAILABLE_ON_CARDTRADER"
    task = (await seller.get(f"/task/{error['context']['task_id']}")).raise_for_status().json()
    assert (task["status"], task["error"]["code"]) == ("FAILURE", "NOT_AVAILABLE_ON_CARDTRADER")


async def test_the_checkout_of_the_marketplace_buys_from_any_seller(seller: Seller) -> None:
    item = await stocked(seller)
    checkout = bearer(token_for(uuid4(), roles=["checkout"]))
    assert (await buy(seller, item, headers=checkout)).status_code == 202
    stranger = bearer(token_for(uuid4()))
    error_of(await buy(seller, item, headers=stranger), 403)


async def test_without_temporal_the_purchase_is_kept_and_taken_up_later(
    seller: Seller, services: CardsServices, temporal_client: Client
) -> None:
    item = await stocked(seller)
    nowhere = replace(
        services,
        purchases=PurchaseRuns(
            await connect("127.0.0.1:1", "default"), Notices(services.database, purchases.ENDED), patience=5
        ),
    )
    async with serving(create_app(settings_for_tests(), opening(nowhere))) as http:
        assert (await buy(seller, item, http=http, key="lost")).status_code == 202
    handle = temporal_client.get_workflow_handle(purchase_id(seller.user_id, "lost"))
    with pytest.raises(RPCError) as unknown:
        await handle.describe()
    assert unknown.value.status == RPCStatusCode.NOT_FOUND
    start = partial(start_purchase, temporal_client, timeout=timedelta(seconds=5))
    assert await PurchaseRelay(services.database, start, age=timedelta(0)).relay() >= 1
    assert (await handle.describe()).id == handle.id
    await handle.terminate()


async def test_while_changes_are_switched_off_nobody_waits(seller: Seller, services: CardsServices) -> None:
    item = await stocked(seller)
    stopped = replace(services, purchases=Till(services.database), writes_enabled=False)
    async with serving(create_app(settings_for_tests(), opening(stopped))) as http:
        assert (await buy(seller, item, http=http)).status_code == 202
    assert isinstance(stopped.purchases, Till)
    assert stopped.purchases.seen == []


async def test_without_a_worker_the_buyer_waits_and_is_told_to_come_back(
    seller: Seller, services: CardsServices, temporal_client: Client
) -> None:
    item = await stocked(seller)
    waiting = replace(
        services, purchases=PurchaseRuns(temporal_client, Notices(services.database, purchases.ENDED), patience=0.5)
    )
    async with serving(create_app(settings_for_tests(), opening(waiting))) as http:
        assert (await buy(seller, item, http=http, key="idle")).status_code == 202
    await temporal_client.get_workflow_handle(purchase_id(seller.user_id, "idle")).terminate()
