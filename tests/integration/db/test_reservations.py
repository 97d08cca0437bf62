"""Reservations against a real database: who gets copies held back, and who is refused."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text

from db.cards.purchases import Purchase
from db.cards.reservations import (
    ItemUnknown,
    ItemUnlisted,
    KeyTaken,
    ReservationError,
    SellerSuspended,
    TooFewCopies,
)
from tests.helpers.buying import Checkout, Shelf
from tests.helpers.purchasing import ONE, operation, row, stocked
from tests.helpers.stock import Stock


async def test_a_reservation_holds_copies_back_and_is_no_new_version(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    before = await row(stock)
    purchase = await checkout.reserve(item, 2)
    held = {key: value for key, value in (await row(stock)).items() if key != "reserved_quantity"}
    assert held == {key: value for key, value in before.items() if key != "reserved_quantity"}
    assert ((await row(stock))["reserved_quantity"], purchase.state, purchase.local_before) == (2, "reserved", 5)
    assert await operation(stock, purchase) == ("pending", {"item_id": item, "quantity": 2})
    with pytest.raises(TooFewCopies) as refusal:
        await checkout.reserve(item, 4)
    assert refusal.value.available == 3


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"deleted_at": text("now()")}, ItemUnknown),
        ({"external_stock_id": None}, ItemUnlisted),
        ({"external_stock_id": "sku-7"}, ItemUnlisted),
        ({"quantity": 0}, TooFewCopies),
        ({"reserved_quantity": 9}, TooFewCopies),
    ],
    ids=["tombstone", "unlisted", "not CardTrader's", "sold out", "over-reserved"],
)
async def test_what_cannot_be_bought_is_not_reserved(
    stock: Stock, columns: dict[str, Any], error: type[ReservationError]
) -> None:
    item = await stock.add(ONE, **{"quantity": 5, **columns})
    with pytest.raises(error):
        await Checkout(stock, Shelf({}), stock.database).reserve(item)
    assert await stock.one("SELECT count(*) FROM sync_operations WHERE user_id = :user") == 0


async def test_items_of_others_and_of_suspended_sellers_are_not_reserved(stock: Stock) -> None:
    checkout, item = await stocked(stock)
    other = await Stock(stock.database).link()
    with pytest.raises(ItemUnknown):
        await Checkout(other, Shelf({}), stock.database).reserve(item)
    await stock.one("UPDATE user_sync_settings SET suspended_at = now() WHERE user_id = :user RETURNING 1")
    with pytest.raises(SellerSuspended):
        await checkout.reserve(item)


async def test_a_key_is_used_once_and_the_loser_leaves_nothing(stock: Stock) -> None:
    checkout, item = await stocked(stock, 50)
    ended = await asyncio.gather(*(checkout.reserve(item, 1, "same") for _ in range(10)), return_exceptions=True)
    assert Counter(type(one) for one in ended) == {Purchase: 1, KeyTaken: 9}
    assert (await row(stock))["reserved_quantity"] == 1
    assert await stock.one("SELECT count(*) FROM sync_operations WHERE user_id = :user") == 1


async def test_fifty_buyers_of_the_last_copy_reserve_it_once(stock: Stock) -> None:
    """Stock checked and reserved in different transactions is how others sold it twice."""
    checkout, item = await stocked(stock, 1)
    ended = await asyncio.gather(*(checkout.reserve(item) for _ in range(50)), return_exceptions=True)
    assert Counter(type(one) for one in ended) == {Purchase: 1, TooFewCopies: 49}
    assert (await row(stock))["reserved_quantity"] == 1
