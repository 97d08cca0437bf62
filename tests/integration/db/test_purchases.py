"""Purchases against a real database: reservation, turns, crashes at every point, and what syncs make of them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from temporalio.exceptions import ApplicationError

from activities.cards.purchase_waits import AwaitingTurn, Patience, Unsettled
from clients.cardtrader.errors import MalformedAnswer, OutcomeUnknown, Refused, TokenRejected, Unavailable
from clients.errors import LimiterUnavailable
from db.cards import purchases
from db.cards.purchases import Purchase, PurchaseMoved
from db.cards.reservations import (
    ItemUnknown,
    ItemUnlisted,
    KeyTaken,
    ReservationError,
    SellerSuspended,
    TooFewCopies,
)
from db.session import Database
from tests.helpers.buying import Checkout, Crashes, FragileDatabase, Shelf
from tests.helpers.slow_proxy import delaying
from tests.helpers.stock import Stock, product

ONE = 7


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    """For the whole module."""
    opened = Database.connect(module_database_url, pool_size=20)
    yield opened
    await opened.close()


@pytest.fixture
async def stock(database: Database) -> Stock:
    """A linked seller."""
    return await Stock(database).link()


async def stocked(
    stock: Stock, copies: int = 5, on_cardtrader: int | None = None, **columns: Any
) -> tuple[Checkout, int]:
    """A checkout, and the id of an item with so many copies."""
    item = await stock.add(ONE, quantity=copies, content_hash=1, **columns)
    shelf = Shelf({ONE: copies if on_cardtrader is None else on_cardtrader})
    return Checkout(stock, shelf, stock.database), item


async def row(stock: Stock) -> dict[str, Any]:
    """The item."""
    return (await stock.rows())[str(ONE)]


async def state_of(stock: Stock, operation_id: UUID) -> Purchase:
    """The purchase."""
    async with stock.database.begin() as connection:
        found = await purchases.find(connection, operation_id)
    assert found
    return found


async def rereads(stock: Stock) -> int:
    """How many are asked for."""
    return int(await stock.one("SELECT count(*) FROM webhook_inbox WHERE user_id = :user AND processed_at IS NULL"))


async def operation(stock: Stock, purchase: Purchase) -> tuple[str, dict[str, Any]]:
    """Status and metadata of the purchase's operation."""
    query = "SELECT {} FROM sync_operations WHERE operation_id = :id"
    named = {"id": str(purchase.operation_id)}
    return await stock.one(query.format("status"), **named), await stock.one(
        query.format("operation_metadata"), **named
    )


# --- reservation


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


async def test_items_of_others_and_of_suspended_sellers_are_not_reserved(stock: Stock, database: Database) -> None:
    checkout, item = await stocked(stock)
    other = await Stock(database).link()
    with pytest.raises(ItemUnknown):
        await Checkout(other, Shelf({}), database).reserve(item)
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


# --- taking


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


# --- faults


@pytest.mark.parametrize("kill", [False, True], ids=["raised", "killed"])
async def test_a_crash_at_any_point_sells_exactly_once(stock: Stock, kill: bool) -> None:
    for at in count(1):
        item = await stock.add(at, quantity=9)
        crashes = Crashes(frozenset({at - 1}))
        shelf = Shelf({at: 9}, point=crashes.point)
        checkout = Checkout(stock, shelf, FragileDatabase(stock.database, crashes.point))
        purchase = await checkout.reserve(item, 2)
        assert (await checkout.decide(purchase.operation_id, kill=kill)).purchased, crashes.passed
        assert (shelf.copies, shelf.taken) == ({at: 7}, {at: 2}), crashes.passed
        now = (await stock.rows())[str(at)]
        assert (now["quantity"], now["reserved_quantity"]) == (7, 0)
        if checkout.attempts == 1:
            break
    assert at >= 12, crashes.passed


async def test_many_crashes_of_many_buyers_never_sell_a_copy_twice(stock: Stock) -> None:
    for seed in range(10):
        draw = random.Random(seed)
        crashes = Crashes(frozenset(draw.sample(range(120), 12)))
        item = await stock.add(seed + 100, quantity=4)
        shelf = Shelf({seed + 100: 4}, point=crashes.point)
        checkout = Checkout(stock, shelf, FragileDatabase(stock.database, crashes.point))
        reserved = [await checkout.reserve(item, copies) for copies in (1, 2, 1)]
        outcomes = await asyncio.gather(
            *(checkout.decide(one.operation_id, kill=draw.random() < 0.5) for one in reserved)
        )
        bought = sum(one.quantity for one, outcome in zip(reserved, outcomes, strict=True) if outcome.purchased)
        assert (bought, shelf.taken) == (4, {seed + 100: 4}), seed


async def test_an_answer_lost_after_the_copies_were_taken_is_found_out(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    checkout.shelf.lost = [OutcomeUnknown()]
    assert (await checkout.buy(item, 2)).purchased
    assert (checkout.shelf.taken, (await row(stock))["quantity"]) == ({ONE: 2}, 3)


async def test_an_answer_lost_before_anything_was_taken_is_asked_again(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item, 2)
    # Read, then the request is lost on its way there.
    checkout.shelf.point = failing_once("take", OutcomeUnknown())
    assert (await checkout.decide(purchase.operation_id)).purchased
    assert checkout.shelf.taken == {ONE: 2}


async def test_a_lost_answer_is_not_judged_before_late_effects_had_their_time(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    patient = Checkout(stock, checkout.shelf, stock.database, Patience(settling=timedelta(seconds=30)))
    purchase = await checkout.reserve(item, 2)
    checkout.shelf.point = failing_once("take", OutcomeUnknown())
    with pytest.raises(OutcomeUnknown):
        await patient.attempt(purchase.operation_id)
    with pytest.raises(ApplicationError) as early:
        await patient.attempt(purchase.operation_id)
    assert early.value.type == Unsettled.__name__
    assert early.value.next_retry_delay is not None
    assert early.value.next_retry_delay > timedelta(seconds=25)
    assert (await state_of(stock, purchase.operation_id)).state == "sending"


async def test_what_cannot_be_told_is_refused_with_a_letter(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item, 2)
    checkout.shelf.lost = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        await checkout.attempt(purchase.operation_id)
    # Nobody told of this sale: three are gone where two or none should be.
    checkout.shelf.sell(ONE, 1)
    outcome = await checkout.decide(purchase.operation_id)
    assert outcome.reason == "OUTCOME_UNKNOWN"
    now = await row(stock)
    assert (now["quantity"], now["reserved_quantity"], now["sync_state"]) == (2, 0, "uncertain")
    reason = "SELECT reason FROM failed_records WHERE user_id = :user AND subject = :id AND resolved_at IS NULL"
    assert "could not be told" in await stock.one(reason, id=str(purchase.operation_id))


async def test_an_edit_of_the_quantity_beside_it_makes_it_undecidable(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item, 2)
    checkout.shelf.lost = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        await checkout.attempt(purchase.operation_id)
    await stock.one(
        "INSERT INTO item_changes (user_id, operation_id, action, state, blueprint_id, product_id, delta, sent_at)"
        " VALUES (:user, :id, 'update', 'sending', 1, :product, 1, now()) RETURNING 1",
        id=str(purchase.operation_id),
        product=ONE,
    )
    assert (await checkout.decide(purchase.operation_id)).reason == "OUTCOME_UNKNOWN"


@pytest.mark.parametrize("fault", [Unavailable(sent=False), LimiterUnavailable(), MalformedAnswer()], ids=repr)
@pytest.mark.parametrize("when", ["read", "take"])
async def test_a_fault_before_anything_was_sent_is_only_a_delay(stock: Stock, when: str, fault: Exception) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item)
    checkout.shelf.point = failing_once(when, fault)
    with pytest.raises(type(fault)):
        await checkout.attempt(purchase.operation_id)
    assert (await state_of(stock, purchase.operation_id)).state == "taking"
    assert (await checkout.decide(purchase.operation_id)).purchased
    assert checkout.shelf.taken == {ONE: 1}


@pytest.mark.parametrize(
    ("fault", "reason"), [(TokenRejected(), "ACCOUNT_UNUSABLE"), (Refused(), "CARDTRADER_REFUSED")], ids=repr
)
@pytest.mark.parametrize("when", ["read", "take"])
async def test_what_cardtrader_will_not_do_is_refused(stock: Stock, when: str, fault: Exception, reason: str) -> None:
    checkout, item = await stocked(stock, 5)
    checkout.shelf.point = failing_once(when, fault)
    assert (await checkout.buy(item)).reason == reason
    now = await row(stock)
    assert (now["quantity"], now["reserved_quantity"], checkout.shelf.taken) == (5, 0, {})


async def test_a_token_rejected_while_settling_leaves_it_unknown(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item)
    checkout.shelf.lost = [OutcomeUnknown()]
    with pytest.raises(OutcomeUnknown):
        await checkout.attempt(purchase.operation_id)
    checkout.shelf.answers = [TokenRejected()]
    assert (await checkout.decide(purchase.operation_id)).reason == "OUTCOME_UNKNOWN"


async def test_an_account_suspended_after_the_reservation_is_not_asked(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item)
    await stock.one("UPDATE user_sync_settings SET suspended_at = now() WHERE user_id = :user RETURNING 1")
    assert (await checkout.decide(purchase.operation_id)).reason == "ACCOUNT_UNUSABLE"
    assert checkout.shelf.reads == 0


async def test_a_stopped_shop_keeps_its_purchases_until_it_may_go_on(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item)
    stopped = Checkout(stock, checkout.shelf, stock.database, writes_enabled=False)
    with pytest.raises(ApplicationError, match="switched off"):
        await stopped.attempt(purchase.operation_id)
    assert (checkout.shelf.reads, (await row(stock))["reserved_quantity"]) == (0, 1)
    assert (await checkout.decide(purchase.operation_id)).purchased


async def test_a_purchase_that_waited_too_long_expires(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item)
    hurried = Checkout(stock, checkout.shelf, stock.database, Patience(asking=timedelta(0)))
    assert (await hurried.decide(purchase.operation_id)).reason == "PURCHASE_EXPIRED"
    assert ((await row(stock))["reserved_quantity"], checkout.shelf.reads) == (0, 0)


async def test_a_step_from_another_state_is_refused(stock: Stock) -> None:
    checkout, item = await stocked(stock, 5)
    purchase = await checkout.reserve(item)
    assert (await checkout.decide(purchase.operation_id)).purchased
    moved = replace(purchase, state="sending")
    for step in (
        partial(purchases.note_sending, purchase=purchase, before=5),
        partial(purchases.confirm, purchase=purchase, left=4),
        partial(purchases.refuse, purchase=moved, reason="OUTCOME_UNKNOWN"),
    ):
        with pytest.raises(PurchaseMoved):
            async with stock.database.begin() as connection:
                await step(connection)
    now = await row(stock)
    assert (now["quantity"], now["reserved_quantity"]) == (4, 0)


async def test_a_slow_connection_to_the_database_sells_no_copy_twice(stock: Stock) -> None:
    """A proxy that delays every packet stretches each gap between looking and doing."""
    checkout, item = await stocked(stock, 6, on_cardtrader=4)
    async with delaying(stock.database.engine.url, seconds=0.01) as url:
        slow = Database.connect(url, pool_size=12)
        far = Checkout(replace(stock, database=slow), checkout.shelf, slow)
        reserved = await asyncio.gather(*(far.reserve(item, 2) for _ in range(5)), return_exceptions=True)
        held = [one for one in reserved if isinstance(one, Purchase)]
        outcomes = await asyncio.gather(*(far.decide(one.operation_id) for one in held))
        await slow.close()
    assert len(held) == 3
    assert Counter(outcome.purchased for outcome in outcomes) == {True: 2, False: 1}
    assert (checkout.shelf.copies, (await row(stock))["reserved_quantity"]) == ({ONE: 0}, 0)


# --- beside syncs


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


def failing_once(when: str, fault: Exception) -> Any:
    """A point that raises at its first passing."""
    faults = [fault]

    async def point(name: str) -> None:
        if name == when and faults:
            raise faults.pop()

    return point
