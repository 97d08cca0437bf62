"""Purchases against a real database: turns, what CardTrader has, and what syncs make of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from temporalio.exceptions import ApplicationError

from activities.cards.purchase_waits import AwaitingTurn
from db.cards import purchases
from tests.helpers.purchasing import ONE, operation, rereads, row, state_of, stocked
from tests.helpers.stock import Stock, product


async def test_a_purchase_that_cardtrader_confirms_needs_no_reread(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item, 2)
    assert (await checkout.decide(purchase.operation_id)).purchased
    now = await row(stock)
    assert (now["quantity"], now["reserved_quantity"], now["sync_state"]) == (3, 0, "synced")
    assert (now["content_hash"], now["row_version"]) == (None, 2)
    assert (await state_of(stock, purchase.operation_id)).remaining == 3
    assert await operation(stock, purchase) == (
        "completed",
        {"item_id": item, "quantity": 2, "phase": "done", "remaining": 3},
    )
    assert (checkout.shelf.taken, checkout.shelf.reads, await rereads(stock)) == ({ONE: 2}, 1, 0)
    assert (await checkout.decide(purchase.operation_id)).purchased
    assert checkout.shelf.taken == {ONE: 2}


@pytest.mark.parametrize(
    ("columns", "on_cardtrader", "state", "left"),
    [
        ({"sync_state": "uncertain"}, 5, "uncertain", 4),
        ({"sync_state": "failed"}, 5, "uncertain", 4),
        ({"sync_state": "pending"}, 5, "pending", 4),
        ({}, 4, "uncertain", 3),
        ({}, 9, "uncertain", 4),
    ],
    ids=["uncertain", "failed", "pending", "sold there", "raised there"],
)
async def test_a_row_in_doubt_is_lowered_never_raised_and_read_again(
    stock: Stock, columns: dict[str, Any], on_cardtrader: int, state: str, left: int
) -> None:
    checkout, item = await stocked(stock, 5, on_cardtrader, **columns)
    assert (await checkout.buy(item)).purchased
    now = await row(stock)
    assert (now["quantity"], now["sync_state"], await rereads(stock)) == (left, state, 1)


async def test_a_sync_under_way_may_have_passed_the_row_over_so_it_is_read_again(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    await stock.stage([product(ONE, quantity=5)])
    assert (await checkout.buy(item)).purchased
    assert await rereads(stock) == 1


@pytest.mark.parametrize("on_cardtrader", [0, 1])
async def test_what_cardtrader_lacks_is_not_sold_and_lowers_the_row(stock: Stock, on_cardtrader: int) -> None:
    checkout, item = await stocked(stock, 5, on_cardtrader)
    purchase = await checkout.reserve(item, 2)
    assert (await checkout.decide(purchase.operation_id)).reason == "NOT_AVAILABLE_ON_CARDTRADER"
    now = await row(stock)
    assert (now["quantity"], now["reserved_quantity"], now["sync_state"]) == (on_cardtrader, 0, "uncertain")
    assert (checkout.shelf.taken, await rereads(stock)) == ({}, 1)
    status, story = await operation(stock, purchase)
    assert (status, story["error"]["code"]) == ("failed", "NOT_AVAILABLE_ON_CARDTRADER")


async def test_a_sale_between_reading_and_taking_that_sells_it_out_refuses(stock: Stock) -> None:
    checkout, item = await stocked(stock, 2)

    async def buyer(name: str) -> None:
        if name == "take":
            checkout.shelf.sell(ONE, 2)

    checkout.shelf.point = buyer
    assert (await checkout.buy(item, 2)).reason == "NOT_AVAILABLE_ON_CARDTRADER"
    assert ((await row(stock))["quantity"], checkout.shelf.taken) == (0, {})


async def test_a_product_that_ends_with_fewer_copies_than_were_bought_is_not_sold(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)

    async def buyer(name: str) -> None:
        if name == "take" and ONE not in checkout.shelf.sold:
            checkout.shelf.sell(ONE, 4)

    checkout.shelf.point = buyer
    outcome = await checkout.buy(item, 2)
    assert (outcome.purchased, outcome.reason) == (False, "OUTCOME_UNKNOWN")
    assert checkout.shelf.taken == {ONE: 1}
    letter = "SELECT stage FROM failed_records WHERE user_id = :user AND resolved_at IS NULL"
    assert await stock.one(letter) == "purchase"


@pytest.mark.parametrize("copies", [1, 2, 5])
async def test_many_buyers_of_few_copies_one_after_the_other(stock: Stock, copies: int) -> None:
    """The local book may say more than there is: CardTrader's own quantity decides, for one buyer at a time."""
    checkout, item = await stocked(stock, 20, on_cardtrader=copies * 2 + 1)
    reserved = [await checkout.reserve(item, 2) for _ in range(10)]
    outcomes = await asyncio.gather(*(checkout.decide(one.operation_id) for one in reserved))
    assert Counter(outcome.reason for outcome in outcomes) == {"": copies, "NOT_AVAILABLE_ON_CARDTRADER": 10 - copies}
    assert (checkout.shelf.copies, checkout.shelf.taken) == ({ONE: 1}, {ONE: copies * 2})


async def test_the_database_itself_keeps_two_from_taking_at_once(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    first, second = await checkout.reserve(item), await checkout.reserve(item)
    async with stock.database.begin() as connection:
        assert (await purchases.advance(connection, first.operation_id)).state == "taking"  # type: ignore[union-attr]
        assert (await purchases.advance(connection, second.operation_id)).state == "reserved"  # type: ignore[union-attr]
    with pytest.raises(IntegrityError):
        await stock.one(
            "UPDATE purchases SET state = 'taking' WHERE operation_id = :id RETURNING 1", id=str(second.operation_id)
        )


async def test_whoever_waits_too_long_for_a_turn_frees_the_slot(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    first, second = await checkout.reserve(item), await checkout.reserve(item)
    async with stock.database.begin() as connection:
        await purchases.advance(connection, first.operation_id)
    with pytest.raises(ApplicationError) as waiting:
        await checkout.attempt(second.operation_id)
    assert (waiting.value.type, waiting.value.next_retry_delay) == (AwaitingTurn.__name__, timedelta(seconds=0.5))
    assert (await checkout.decide(first.operation_id)).purchased
    assert (await checkout.decide(second.operation_id)).purchased


async def test_an_export_from_before_the_purchase_does_not_raise_the_row_again(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    operation_id, _ = await stock.stage([product(ONE, quantity=5)])
    assert (await checkout.buy(item, 2)).purchased
    assert (await stock.apply(operation_id)).contested == 1
    await stock.finish(operation_id)
    assert (await row(stock))["quantity"] == 3


async def test_a_reserved_row_is_neither_changed_nor_retired_nor_removed(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    await stock.add(8, quantity=1)
    purchase = await checkout.reserve(item, 2)
    for export in ([product(ONE, quantity=9), product(8)], [product(8)], [product(8)]):
        await stock.sync(export, force=True)
        now = await row(stock)
        assert (now["quantity"], now["reserved_quantity"], now["stale_since"]) == (5, 2, None)
    assert (await checkout.decide(purchase.operation_id)).purchased


async def test_the_relay_finds_what_was_reserved_and_never_decided(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    lost, done = await checkout.reserve(item), await checkout.reserve(item)
    await checkout.decide(done.operation_id)
    async with stock.database.begin() as connection:
        found = await purchases.unfinished(connection, age=timedelta(0), most=500)
        mine = [one.operation_id for one in found if one.user_id == stock.user_id]
        young = await purchases.unfinished(connection, age=timedelta(hours=1), most=500)
    assert (mine, [one for one in young if one.user_id == stock.user_id]) == ([lost.operation_id], [])
