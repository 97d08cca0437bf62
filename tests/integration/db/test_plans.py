"""Blast radius: what does too much at once is held whole, runs only as approved, and comes back when it is not."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from db.cards import inbox, plans
from db.cards.intents import NewListing
from db.cards.plans import Plan
from domain.cards.edits import PlanDecided, UnknownPlan
from tests.helpers.intents import changes, edit, hold, item, put_on_sale, remove, run, states
from tests.helpers.stock import Stock


async def fill(stock: Stock, listings: int, **columns: Any) -> list[int]:
    """Listings of ten copies for a euro each; their ids."""
    return [await stock.add(n, n, **{"quantity": 10, "price_cents": 100, **columns}) for n in range(1, listings + 1)]


async def plan_of(stock: Stock) -> Plan | None:
    async with stock.database.begin() as connection:
        return await plans.waiting_plan(connection, stock.user_id)


async def waiting(stock: Stock) -> Plan:
    found = await plan_of(stock)
    assert found is not None
    return found


async def approve(stock: Stock, plan_id: UUID) -> Plan:
    async with stock.database.begin() as connection:
        return await plans.approve(connection, stock.user_id, plan_id, decided_by="me")


async def cancel(stock: Stock, plan_id: UUID) -> Plan:
    async with stock.database.begin() as connection:
        return await plans.cancel(connection, stock.user_id, plan_id, decided_by="me")


async def sent(stock: Stock) -> None:
    """Everything that waits is made at CardTrader, and verified."""
    await run(
        stock,
        "UPDATE item_changes SET state = 'verified', ended_at = now() WHERE user_id = :user AND state = 'waiting'",
    )


async def test_everyday_changes_pass(stock: Stock) -> None:
    ids = await fill(stock, 30)
    for item_id in ids[:3]:
        await remove(stock, item_id)
    for item_id in ids[3:]:
        await edit(stock, item_id, price_cents=149, quantity=1)
    assert await hold(stock) == 0
    assert set(await states(stock)) == {"waiting"}


@pytest.mark.parametrize("kind", ["deleted", "zeroed", "dearer", "cheaper"])
async def test_too_much_at_once_is_held_whole(stock: Stock, kind: str) -> None:
    ids = await fill(stock, 39)
    for item_id in ids[:4]:
        match kind:
            case "deleted":
                await remove(stock, item_id)
            case "zeroed":
                await edit(stock, item_id, quantity=0)
            case "dearer":
                await edit(stock, item_id, price_cents=151)
            case _:
                await edit(stock, item_id, price_cents=49)
    await edit(stock, ids[9], price_cents=101)
    assert await hold(stock) == 5
    assert await states(stock) == ["held"] * 5
    plan = await waiting(stock)
    assert {change["plan_id"] for change in await changes(stock)} == {plan.plan_id}
    assert await hold(stock) == 0


async def test_a_small_seller_can_delete_some(stock: Stock) -> None:
    for item_id in (await fill(stock, 5))[:3]:
        await remove(stock, item_id)
    assert await hold(stock) == 0


async def test_the_summary_says_what_it_would_do(stock: Stock) -> None:
    ids = await fill(stock, 20)
    for item_id in ids[:5]:
        await remove(stock, item_id)
    await edit(stock, ids[5], quantity=0)
    await edit(stock, ids[6], price_cents=300)
    await edit(stock, ids[6], quantity=12)
    await put_on_sale(stock, NewListing(99, {"quantity": 2, "price_cents": 50}), operation_id=uuid4())
    await hold(stock)
    summary = (await waiting(stock)).summary
    assert (summary.creates, summary.updates, summary.deletes) == (1, 2, 5)
    assert (summary.zeroed, summary.repriced) == (1, 1)
    assert (summary.value_before_cents, summary.value_after_cents) == (7 * 1000, 12 * 300 + 2 * 50)
    assert (summary.requests, summary.seconds) == (16, 1)


async def test_drops_within_the_hour_count_together(stock: Stock) -> None:
    ids = await fill(stock, 100)
    for step in range(10):
        await remove(stock, ids[step])
        assert await hold(stock) == 0, step
        await sent(stock)
    await remove(stock, ids[10])
    assert await hold(stock) == 1


async def test_many_small_steps_of_one_price_are_one_large_one(stock: Stock) -> None:
    ids = await fill(stock, 50)
    for price in (140, 190):
        for item_id in ids[:4]:
            await edit(stock, item_id, price_cents=price)
        held = await hold(stock)
        await sent(stock)
    assert held == 4


async def test_what_is_older_than_the_hour_counts_no_more(stock: Stock) -> None:
    ids = await fill(stock, 40)
    for item_id in ids[:4]:
        await remove(stock, item_id)
    await sent(stock)
    await run(stock, "UPDATE item_changes SET created_at = now() - interval '61 minutes' WHERE user_id = :user")
    await remove(stock, ids[4])
    assert await hold(stock) == 0


async def test_approval_runs_exactly_that_plan(stock: Stock) -> None:
    ids = await fill(stock, 10)
    for item_id in ids[:4]:
        await remove(stock, item_id)
    await hold(stock)
    shown = await waiting(stock)
    await edit(stock, ids[8], price_cents=105)
    # An everyday change of another listing does not wait for the decision, and does not change the plan.
    assert await hold(stock) == 0
    assert (await waiting(stock)).plan_id == shown.plan_id
    assert (await approve(stock, shown.plan_id)).state == "approved"
    assert [(c["state"], c["plan_id"]) for c in await changes(stock)] == [("waiting", shown.plan_id)] * 4 + [
        ("waiting", None)
    ]
    assert await hold(stock) == 0
    await sent(stock)
    # What was approved is not held against the seller.
    await remove(stock, ids[4])
    assert await hold(stock) == 0
    for decide in (approve, cancel):
        with pytest.raises(PlanDecided):
            await decide(stock, shown.plan_id)


async def test_what_makes_a_plan_larger_makes_a_new_one(stock: Stock) -> None:
    ids = await fill(stock, 10)
    for item_id in ids[:4]:
        await remove(stock, item_id)
    await hold(stock)
    first = await waiting(stock)
    await remove(stock, ids[4])
    assert await hold(stock) == 1
    second = await waiting(stock)
    assert (first.summary.deletes, second.summary.deletes) == (4, 5)
    with pytest.raises(PlanDecided) as decided:
        await approve(stock, first.plan_id)
    assert decided.value.state == "replaced"
    await approve(stock, second.plan_id)
    assert await states(stock) == ["waiting"] * 5


async def test_a_change_of_a_held_listing_waits_behind_it(stock: Stock) -> None:
    ids = await fill(stock, 10)
    for item_id in ids[:4]:
        await edit(stock, item_id, price_cents=1000)
    await hold(stock)
    await edit(stock, ids[0], description="new")
    assert await hold(stock) == 1
    assert set(await states(stock)) == {"held"}


async def test_a_batch_on_its_way_is_not_held(stock: Stock) -> None:
    ids = await fill(stock, 10)
    for item_id in ids[:3]:
        await remove(stock, item_id)
    await run(stock, "UPDATE item_changes SET batch_id = gen_random_uuid() WHERE user_id = :user")
    await remove(stock, ids[3])
    assert await hold(stock) == 1
    assert await states(stock) == ["waiting"] * 3 + ["held"]


async def test_what_is_given_up_comes_back_by_a_reread(stock: Stock) -> None:
    ids = await fill(stock, 10)
    for item_id in ids[:3]:
        await remove(stock, item_id)
    await edit(stock, ids[3], quantity=0)
    await edit(stock, ids[4], quantity=14)
    await hold(stock)
    plan = await waiting(stock)
    assert (await cancel(stock, plan.plan_id)).state == "cancelled"
    found = await changes(stock)
    assert {(c["state"], c["reason"], c["ended_at"] is not None) for c in found} == {
        ("cancelled", "PLAN_CANCELLED", True)
    }
    rows = [await item(stock, item_id) for item_id in ids[:5]]
    assert {(row["sync_state"], row["deleted_at"]) for row in rows} == {("uncertain", None)}
    # What is expected is CardTrader's ten again, what is offered is not raised before the re-read.
    assert [(row["quantity"], row["raise_pending"]) for row in rows[3:]] == [(0, 10), (10, 0)]
    async with stock.database.begin() as connection:
        [event_id] = await inbox.take(connection, stock.user_id, 10)
        assert await inbox.blueprints(connection, stock.user_id, [event_id]) == [1, 2, 3, 4, 5]
    status = await stock.one("SELECT array_agg(DISTINCT status) FROM sync_operations WHERE user_id = :user")
    assert status == ["cancelled"]
    assert await plan_of(stock) is None


async def test_a_row_with_another_change_on_its_way_stays_pending(stock: Stock) -> None:
    ids = await fill(stock, 10)
    await edit(stock, ids[0], description="on its way")
    await run(stock, "UPDATE item_changes SET state = 'sending' WHERE user_id = :user")
    for item_id in ids[:4]:
        await remove(stock, item_id)
    await hold(stock)
    await cancel(stock, (await waiting(stock)).plan_id)
    assert [(await item(stock, item_id))["sync_state"] for item_id in ids[:2]] == ["pending", "uncertain"]


async def test_another_sellers_plan_is_unknown(stock: Stock) -> None:
    for item_id in await fill(stock, 4):
        await remove(stock, item_id)
    await hold(stock)
    other = await Stock(stock.database).link()
    for decide in (approve, cancel):
        with pytest.raises(UnknownPlan):
            await decide(other, (await waiting(stock)).plan_id)
    assert set(await states(stock)) == {"held"}
