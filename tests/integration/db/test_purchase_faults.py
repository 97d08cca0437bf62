"""Purchases through faults: crashes at every point, lost answers, refusals, a slow database."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.cards.purchase_waits import Patience, Unsettled
from clients.cardtrader.errors import MalformedAnswer, OutcomeUnknown, Refused, TokenRejected, Unavailable
from clients.errors import LimiterUnavailable
from db.cards import purchases
from db.cards.purchases import Purchase, PurchaseMoved
from db.session import Database
from tests.helpers.buying import Checkout, Crashes, FragileDatabase, Shelf
from tests.helpers.purchasing import ONE, row, state_of, stocked
from tests.helpers.slow_proxy import delaying
from tests.helpers.stock import Stock


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


@pytest.mark.parametrize("was_taken", [True, False])
async def test_a_sale_whose_webhook_is_later_than_the_wait_is_not_taken_for_the_purchase(
    stock: Stock, was_taken: bool
) -> None:
    """As many copies were sold there as were asked for, and the answer was lost."""
    checkout, item = await stocked(stock, 5)
    await stock.one("UPDATE user_sync_settings SET highest_order_id = 0 WHERE user_id = :user RETURNING 1")
    purchase = await checkout.reserve(item, 2)
    if was_taken:
        checkout.shelf.lost = [OutcomeUnknown()]
    else:
        checkout.shelf.point = failing_once("take", OutcomeUnknown())
    with pytest.raises(OutcomeUnknown):
        await checkout.attempt(purchase.operation_id)
    checkout.shelf.sell(ONE, 2)
    outcome = await checkout.decide(purchase.operation_id)
    assert outcome.purchased is was_taken or outcome.reason == "OUTCOME_UNKNOWN"
    left = checkout.shelf.copies[ONE]
    assert (await row(stock))["quantity"] <= left


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


@pytest.mark.parametrize("told", [True, False])
async def test_copies_that_an_edit_has_still_to_take_off_are_not_offered_after_a_purchase(
    stock: Stock, told: bool
) -> None:
    """What CardTrader has left shows them: the edit has lowered this row already, but not CardTrader's."""
    checkout, item = await stocked(stock, 3, on_cardtrader=4 if told else 3, sync_state="pending")
    purchase = await checkout.reserve(item, 2)
    if not told:
        checkout.shelf.lost = [OutcomeUnknown()]
        with pytest.raises(OutcomeUnknown):
            await checkout.attempt(purchase.operation_id)
    await stock.one(
        "INSERT INTO item_changes (user_id, operation_id, action, state, item_id, blueprint_id, product_id, delta,"
        " sent_at) VALUES (:user, :id, 'update', 'sending', :item, 1, :product, -1, now()) RETURNING 1",
        id=str(purchase.operation_id),
        item=item,
        product=ONE,
    )
    checkout.shelf.sell(ONE, 1 if told else 0)
    assert (await checkout.decide(purchase.operation_id)).purchased is told
    assert checkout.shelf.copies == {ONE: 1}
    assert (await row(stock))["quantity"] == 0


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


def failing_once(when: str, fault: Exception) -> Any:
    """A point that raises at its first passing."""
    faults = [fault]

    async def point(name: str) -> None:
        if name == when and faults:
            raise faults.pop()

    return point
