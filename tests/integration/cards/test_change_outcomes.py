"""Answers that are lost, jobs that tell nothing, workers that die: what was asked for is done once, or said to be not.

`lost_answer`: CardTrader made the change. `drop_request`: it never heard of it.
"""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tests.helpers.desk import Desk

LOST = pytest.mark.parametrize("kind", ["lost_answer", "drop_request"])
DOZENS = 22


@LOST
@pytest.mark.parametrize("wanted", [1, 30])
async def test_a_difference_is_made_once(desk: Desk, kind: Any, wanted: int) -> None:
    product, *_ = desk.products(least=3)
    task = await desk.edit(product, quantity=wanted, price_cents=55)
    desk.fault(kind, path="increment", count=1)
    await desk.work()
    assert "settle" in desk.works
    assert (desk.on_sale(product).quantity, desk.on_sale(product).price_cents) == (wanted, 55)
    assert (await desk.ended(task)).status == "completed"
    assert await desk.differences() == []


@LOST
async def test_a_difference_is_made_once_beside_a_sale_that_is_told(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products(least=4)
    had = desk.on_sale(product).quantity
    task = await desk.edit(product, quantity=had - 1)
    desk.fault(kind, path="increment", count=1)
    await desk.step()
    desk.sell(product)
    await desk.told_of_sale(product)
    await desk.work()
    assert desk.on_sale(product).quantity == had - 2
    assert (await desk.ended(task)).status == "completed"
    assert await desk.differences() == []


@LOST
async def test_a_difference_is_made_once_beside_a_purchase(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products(least=4)
    had = desk.on_sale(product).quantity
    task = await desk.edit(product, quantity=had - 1)
    desk.fault(kind, path="increment", count=1)
    await desk.step()
    await desk.bought_here(product)
    await desk.work()
    assert desk.on_sale(product).quantity == had - 2
    assert (await desk.ended(task)).status == "completed"


@LOST
async def test_a_purchase_under_way_leaves_a_difference_undecided(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products(least=4)
    task = await desk.edit(product, quantity=desk.on_sale(product).quantity - 1)
    desk.fault(kind, path="increment", count=1)
    await desk.step()
    await desk.bought_here(product, state="sending")
    await desk.work()
    ended = await desk.ended(task)
    assert (ended.status, ended.first["reason"]) == ("failed", "OUTCOME_UNKNOWN")


@LOST
async def test_a_sale_that_is_told_while_the_stock_is_read_does_not_decide(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products(least=4)
    had = desk.on_sale(product).quantity
    await desk.edit(product, quantity=had - 1)
    desk.fault(kind, path="increment", count=1)
    await desk.step()

    async def sold_and_told() -> None:
        desk.sell(product)
        await desk.told_of_sale(product)

    desk.wire.once("GET products/export", sold_and_told)
    await desk.work()
    assert desk.on_sale(product).quantity == had - 2
    assert await desk.differences() == []


@LOST
async def test_a_sale_whose_webhook_is_later_than_the_wait_is_read_in_the_orders(desk: Desk, kind: Any) -> None:
    """Of as many copies as the difference: by the copies alone the sale would be taken for it, or it for the sale."""
    product, *_ = desk.products(least=4)
    had = desk.on_sale(product).quantity
    await desk.reads_orders()
    task = await desk.edit(product, quantity=had - 1)
    desk.fault(kind, path="increment", count=1)
    await desk.step()
    desk.sell(product)
    await desk.work()
    assert (desk.on_sale(product).quantity, (await desk.ended(task)).status) == (had - 2, "completed")
    assert await desk.stock.one("SELECT count(*) FROM order_lines WHERE user_id = :user AND decrement_applied") == 1
    assert await desk.differences() == []


@LOST
async def test_a_sale_before_the_sending_that_is_told_after_it_is_none_since(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products(least=4)
    had = desk.on_sale(product).quantity
    await desk.reads_orders()
    task = await desk.edit(product, quantity=had - 1)
    desk.sell(product)
    desk.fault(kind, path="increment", count=1)
    await desk.work()
    assert (desk.on_sale(product).quantity, (await desk.ended(task)).status) == (had - 2, "completed")
    assert await desk.differences() == []


@LOST
async def test_a_sale_while_the_stock_is_read_does_not_decide_though_its_webhook_is_lost(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products(least=4)
    had = desk.on_sale(product).quantity
    await desk.reads_orders()
    await desk.edit(product, quantity=had - 1)
    desk.fault(kind, path="increment", count=1)
    await desk.step()

    async def sold() -> None:
        desk.sell(product)

    desk.wire.once("GET products/export", sold)
    await desk.work()
    assert desk.on_sale(product).quantity == had - 2
    assert await desk.differences() == []


@LOST
async def test_what_nobody_can_tell_is_not_sent_again_and_a_person_hears_of_it(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products(least=4)
    had = desk.on_sale(product).quantity
    task = await desk.edit(product, quantity=had + 10)
    desk.fault(kind, path="increment", count=1)
    await desk.step()
    # Its webhook was lost.
    desk.sell(product)
    await desk.work()
    assert desk.on_sale(product).quantity == had - 1 + 10 * (kind == "lost_answer")
    ended = await desk.ended(task)
    assert (ended.status, ended.first["reason"]) == ("failed", "OUTCOME_UNKNOWN")
    letter = "SELECT subject FROM failed_records WHERE user_id = :user AND stage = 'change' AND resolved_at IS NULL"
    assert await desk.stock.one(letter) == str(ended.first["id"])
    assert await desk.differences() == []


@LOST
async def test_fields_and_deletions_may_be_sent_again(desk: Desk, kind: Any) -> None:
    edited, deleted, *_ = desk.products()
    tasks = [await desk.edit(edited, price_cents=77), await desk.delete(deleted)]
    desk.fault(kind, count=2)
    await desk.work()
    assert (desk.on_sale(edited).price_cents, desk.on_sale(deleted)) == (77, None)
    assert await desk.outcomes(tasks) == {"completed": 2}
    assert await desk.differences() == []


@LOST
async def test_a_new_listing_is_put_on_sale_once(desk: Desk, kind: Any) -> None:
    before = len(desk.products())
    task = await desk.put_on_sale(desk.signable()[0])
    desk.fault(kind, method="POST", count=1)
    await desk.work()
    assert len(desk.products()) == before + 1
    ended = await desk.ended(task)
    assert (ended.status, desk.on_sale(ended.first["product_id"]).quantity) == ("completed", 4)
    assert await desk.differences() == []


@LOST
async def test_a_listing_that_is_added_to_another_is_added_once(desk: Desk, kind: Any) -> None:
    product = next(one for one in desk.products() if desk.on_sale(one).texts.description is None)
    had, shown = desk.on_sale(product), desk.market.products(desk.seller).show(product)
    same = {"blueprint_id": had.blueprint_id, "quantity": 3, "price_cents": had.price_cents}
    await desk.put_on_sale({**same, "properties": dict(shown.properties)})
    desk.fault(kind, method="POST", count=1)
    await desk.work()
    assert desk.on_sale(product).quantity == had.quantity + 3
    assert await desk.differences() == []


@LOST
@pytest.mark.parametrize("lost", [0, 1, 2])
async def test_listings_alike_in_one_batch_are_each_made_once(desk: Desk, kind: Any, lost: int) -> None:
    """CardTrader adds the second to the product of the first, where its marker is not; an older one is like both."""
    before = len(desk.products())
    # What is asked for without a condition becomes Near Mint.
    unlike = next(one for one in desk.signable() if one["properties"]["condition"] != "Near Mint")
    alike = {name: value for name, value in unlike.items() if name != "properties"}
    task = await desk.put_on_sale(*[alike] * 3)
    desk.fault(kind, method="POST", path="products", skip=lost, count=1)
    await desk.work()
    ended = await desk.ended(task)
    assert (ended.status, len(desk.products())) == ("completed", before + 1)
    assert {change["product_id"] for change in ended.changes} == {ended.first["product_id"]}
    assert desk.on_sale(ended.first["product_id"]).quantity == 3 * 4
    assert await desk.differences() == []


@LOST
async def test_many_new_listings_are_put_on_sale_once(desk: Desk, kind: Any) -> None:
    before, listings = len(desk.products()), desk.signable()[:DOZENS]
    task = await desk.put_on_sale(*listings)
    desk.fault(kind, path="bulk_create", count=1)
    await desk.work()
    assert len(desk.products()) == before + DOZENS
    assert (await desk.ended(task)).status == "completed"
    assert await desk.differences() == []


@LOST
async def test_many_prices_and_deletions_survive_lost_answers(desk: Desk, kind: Any) -> None:
    edited, deleted = desk.products()[:DOZENS], desk.products()[-4:]
    tasks = [await desk.edit(product, price_cents=110) for product in edited]
    tasks += [await desk.delete(product) for product in deleted]
    await desk.approve()
    desk.fault(kind, path="bulk_update", count=1)
    await desk.work()
    assert {desk.on_sale(product).price_cents for product in edited} == {110}
    assert await desk.outcomes(tasks) == {"completed": len(tasks)}
    assert await desk.differences() == []


@pytest.mark.parametrize(
    "knobs", [{"job_unprocessable": 1.0}, {"unknown_job": "unknown"}, {"unknown_job": "not_found"}]
)
async def test_a_job_that_tells_nothing_is_looked_for_in_the_stock(desk: Desk, knobs: dict[str, Any]) -> None:
    tasks = [await desk.edit(product, price_cents=110) for product in desk.products()[:DOZENS]]
    await desk.approve()
    desk.market.knobs = desk.market.knobs.model_copy(update=knobs)
    assert (await desk.step()).work == "send"
    if "unknown_job" in knobs:
        desk.seller.jobs.clear()
    await desk.step()
    desk.market.knobs = desk.market.knobs.model_copy(update={"job_unprocessable": 0.0})
    await desk.work()
    assert await desk.outcomes(tasks) == {"completed": DOZENS}
    assert await desk.differences() == []


# --- a worker dies between what CardTrader did and what we write


@pytest.mark.parametrize("kind", ["too_many", "cloudflare"])
async def test_what_was_not_accepted_waits_and_is_not_looked_for(desk: Desk, kind: Any) -> None:
    product, *_ = desk.products()
    task = await desk.edit(product, price_cents=88)
    desk.fault(kind, method="PUT", count=1)
    with pytest.raises(Exception, match=r"limit|edge") as caught:
        await desk.step()
    assert isinstance(caught.value, ApplicationError) == (kind == "too_many")
    assert (await desk.ended(task)).first["state"] == "waiting"
    desk.market.faults.clear()


async def test_a_cardtrader_that_fails_for_ever_ends_the_change(desk: Desk) -> None:
    product, *_ = desk.products()
    price = desk.on_sale(product).price_cents
    task = await desk.edit(product, price_cents=88)
    await desk.stock.one("UPDATE item_changes SET attempts = 7 WHERE user_id = :user RETURNING id")
    desk.fault("status", method="PUT", status=502)
    await desk.work()
    ended = await desk.ended(task)
    assert (ended.status, ended.first["reason"]) == ("failed", "CARDTRADER_FAILING")
    assert desk.on_sale(product).price_cents == price
    assert await desk.differences() == []
