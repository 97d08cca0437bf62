"""Changes on their way to CardTrader: sent, verified, refused; in order, in batches, and never undoing a sale."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from db.cards import change_batches
from devstack.simulators.cardtrader.orders import SaleLine
from tests.helpers.desk import Desk


def editable(desk: Desk, product: int) -> dict[str, Any]:
    """What a seller may set of a product, as CardTrader has it."""
    return dict(desk.market.products(desk.seller).show(product).properties)


async def test_a_price_is_sent_verified_and_shown(desk: Desk) -> None:
    product, *_ = desk.products()
    task = await desk.edit(product, price_cents=1234, description="mint from pack")
    assert (await desk.row(product))["sync_state"] == "pending"
    await desk.work()
    assert desk.on_sale(product).price_cents == 1234
    ended = await desk.ended(task)
    assert (ended.status, ended.first["state"], ended.told["verified"]) == ("completed", "verified", 1)
    assert await desk.differences() == []
    assert [asked.split()[0] for asked in desk.wire.asked] == ["PUT", "GET"]


@pytest.mark.parametrize("wanted", [2, 31])
async def test_copies_are_sent_as_a_difference_that_leaves_a_sale_in_between_alone(desk: Desk, wanted: int) -> None:
    product, *_ = desk.products(least=5)
    had = desk.on_sale(product).quantity
    task = await desk.edit(product, quantity=wanted)
    assert (await desk.row(product))["quantity"] == min(had, wanted)
    desk.sell(product)
    await desk.work()
    assert (desk.on_sale(product).quantity if wanted > 1 else 0) == wanted - 1
    assert (await desk.ended(task)).status == "completed"
    assert (await desk.row(product))["quantity"] == wanted - 1
    assert await desk.differences() == []


@pytest.mark.parametrize("wanted", [2, 31])
async def test_a_sale_between_the_look_and_the_sending_stays_sold(desk: Desk, wanted: int) -> None:
    product, *_ = desk.products(least=5)
    await desk.edit(product, quantity=wanted)
    desk.wire.once("GET products/export", lambda: desk.sell(product))
    await desk.work()
    assert desk.on_sale(product).quantity == wanted - 1
    assert await desk.differences() == []


async def test_a_later_wish_is_not_overwritten_by_the_verification_of_an_earlier_one(desk: Desk) -> None:
    product, *_ = desk.products()
    await desk.edit(product, price_cents=500)
    last = await desk.edit(product, price_cents=700)
    assert [(await desk.step()).work for _ in range(2)] == ["send", "verify"]
    row = await desk.row(product)
    assert (row["price_cents"], row["sync_state"], desk.on_sale(product).price_cents) == (700, "pending", 500)
    await desk.work()
    assert (await desk.ended(last)).status == "completed"
    assert await desk.differences() == []


async def test_the_last_copy_and_a_price_together(desk: Desk) -> None:
    gone, other, *_ = desk.products()
    tasks = [await desk.edit(gone, quantity=0), await desk.edit(other, price_cents=777, quantity=40)]
    await desk.work()
    assert desk.on_sale(gone) is None
    assert (desk.on_sale(other).quantity, desk.on_sale(other).price_cents) == (40, 777)
    assert [(await desk.ended(task)).status for task in tasks] == ["completed", "completed"]
    assert await desk.differences() == []


async def test_changes_of_one_listing_are_made_in_their_order(desk: Desk) -> None:
    product, *_ = desk.products(least=3)
    tasks = [await desk.edit(product, price_cents=cents) for cents in (500, 600, 700)]
    tasks.append(await desk.edit(product, quantity=50))
    await desk.work()
    assert (desk.on_sale(product).price_cents, desk.on_sale(product).quantity) == (700, 50)
    assert [(await desk.ended(task)).status for task in tasks] == ["completed"] * 4
    assert await desk.differences() == []


async def test_a_refused_value_fails_with_its_name_and_the_row_returns_to_the_truth(desk: Desk) -> None:
    product, *_ = desk.products()
    task = await desk.edit(product, price_cents=999)
    await desk.stock.one(
        """UPDATE item_changes SET wanted = '{"properties": {"condition": "Splendid"}}' WHERE user_id = :user
           RETURNING id"""
    )
    await desk.work()
    ended = await desk.ended(task)
    assert (ended.status, ended.first["state"], ended.first["reason"]) == ("failed", "failed", "REFUSED")
    assert ended.told["error"] == {"code": "REFUSED", "message": "CardTrader refused the change: condition."}
    assert await desk.differences() == []


@pytest.mark.parametrize("wish", [{"quantity": 30}, {"price_cents": 5}, {"quantity": 1, "price_cents": 5}])
async def test_what_was_sold_out_meanwhile_is_not_put_on_sale_again(desk: Desk, wish: dict[str, int]) -> None:
    product, *_ = desk.products(least=2)
    task = await desk.edit(product, **wish)
    desk.sell(product, desk.on_sale(product).quantity)
    await desk.work()
    ended = await desk.ended(task)
    assert (desk.on_sale(product), ended.status, ended.first["reason"]) == (None, "failed", "NOT_ON_SALE")
    assert await desk.differences() == []


# --- deletes


async def test_a_deleted_listing_is_gone_and_does_not_come_back(desk: Desk) -> None:
    product, *_ = desk.products(least=2)
    export = [_exported(desk, one) for one in desk.products()]
    task = await desk.delete(product)
    await desk.work()
    assert (desk.on_sale(product), (await desk.ended(task)).status) == (None, "completed")
    assert await desk.differences() == []
    # An export that was read before the deletion shows it still.
    await desk.stock.sync(export)
    row = await desk.row(product)
    assert (row["quantity"], row["deleted_at"] is not None) == (0, True)
    async with desk.database.begin() as connection:
        await change_batches.purge_tombstones(connection, desk.user_id, age=timedelta(0))
    assert str(product) not in await desk.rows()


async def test_a_running_sync_keeps_the_tombstone(desk: Desk) -> None:
    product, *_ = desk.products()
    operation, _ = await desk.stock.stage([_exported(desk, one) for one in desk.products()])
    await desk.delete(product)
    await desk.work()
    async with desk.database.begin() as connection:
        await change_batches.purge_tombstones(connection, desk.user_id, age=timedelta(0))
    await desk.stock.apply(operation)
    assert (await desk.row(product))["quantity"] == 0
    assert await desk.differences() == []


async def test_what_is_gone_already_counts_as_deleted(desk: Desk) -> None:
    product, *_ = desk.products()
    task = await desk.delete(product)
    desk.sell(product, desk.on_sale(product).quantity)
    await desk.work()
    assert (await desk.ended(task)).status == "completed"
    assert await desk.differences() == []


async def test_a_refused_deletion_brings_the_listing_back(desk: Desk) -> None:
    product, *_ = desk.products()
    task = await desk.delete(product)
    desk.fault("status", method="DELETE", status=422, body="json", count=1)
    await desk.work()
    assert (await desk.ended(task)).first["reason"] == "REFUSED"
    assert (await desk.row(product))["deleted_at"] is None
    assert await desk.differences() == []


async def test_a_product_that_comes_back_under_its_id_shows_again(desk: Desk) -> None:
    product, *_ = desk.products(least=2)
    order = desk.market.orders.sell(desk.seller, [SaleLine(product, 1)], zero=False)
    await desk.delete(product)
    await desk.work()
    desk.market.orders.cancel(desk.seller, order, relist=True)
    await desk.read_all()
    assert await desk.differences() == []
    assert (await desk.row(product))["quantity"] == 1


# --- many at once


async def test_many_prices_cost_few_requests(desk: Desk) -> None:
    products = desk.products()
    tasks = [await desk.edit(product, price_cents=10_000 + product % 1000) for product in products]
    await desk.approve()
    await desk.work()
    assert await desk.outcomes(tasks) == {"completed": len(tasks)}
    assert await desk.differences() == []
    assert sorted({asked.split("/")[-1] for asked in desk.wire.asked if "jobs" not in asked}) == [
        "bulk_update",
        "export",
    ]
    assert len(desk.wire.asked) <= 4


async def test_one_refused_item_of_many_fails_alone(desk: Desk) -> None:
    products = desk.products()[:40]
    tasks = [await desk.edit(product, price_cents=10_000) for product in products]
    await desk.approve()
    desk.sell(products[7], desk.on_sale(products[7]).quantity)
    await desk.work()
    states = [(await desk.ended(task)).first["state"] for task in tasks]
    assert [place for place, state in enumerate(states) if state != "verified"] == [7]
    assert (await desk.ended(tasks[7])).told["error"]["message"] == "CardTrader refused the change: product."
    assert await desk.differences() == []


async def test_a_call_that_is_too_large_is_cut_in_half_until_it_fits(desk: Desk) -> None:
    desk.market.knobs = desk.market.knobs.model_copy(update={"bulk_max": 30})
    tasks = [await desk.edit(product, price_cents=10_000) for product in desk.products()]
    await desk.approve()
    await desk.work()
    assert await desk.outcomes(tasks) == {"completed": len(tasks)}
    assert await desk.differences() == []


async def test_many_deletions(desk: Desk) -> None:
    products = desk.products()[:70]
    tasks = [await desk.delete(product) for product in products]
    await desk.approve()
    await desk.work()
    assert await desk.outcomes(tasks) == {"completed": len(tasks)}
    assert not set(products) & set(desk.products())
    assert await desk.differences() == []


# --- new listings


async def test_a_new_listing_keeps_the_sellers_own_text(desk: Desk) -> None:
    listing = desk.signable()[0]
    task = await desk.put_on_sale(listing | {"user_data_field": "sku-77", "description": "new"})
    await desk.work()
    ended = await desk.ended(task)
    assert (ended.status, ended.first["state"]) == ("completed", "verified")
    row = await desk.row(ended.first["product_id"])
    assert (row["quantity"], row["price_cents"]) == (listing["quantity"], listing["price_cents"])
    assert row["user_data_field"].split() == ["sku-77", ended.first["marker"]]
    assert await desk.differences() == []


async def test_many_new_listings_are_one_operation(desk: Desk) -> None:
    listings = desk.signable()[:65]
    assert len(listings) > 60
    before = len(desk.products())
    task = await desk.put_on_sale(*listings)
    await desk.work()
    assert (await desk.ended(task)).status == "completed"
    assert len(desk.products()) == before + len(listings)
    assert await desk.differences() == []


async def test_a_listing_that_is_added_to_another_says_what_it_did_not_get(desk: Desk) -> None:
    product, *_ = desk.products()
    had = desk.on_sale(product)
    same = {"blueprint_id": had.blueprint_id, "quantity": 3, "properties": editable(desk, product)}
    task = await desk.put_on_sale({**same, "price_cents": had.price_cents + 1})
    await desk.work()
    ended = await desk.ended(task)
    assert ended.first["reason"] == "NOT_AS_ASKED"
    assert "price_cents" in ended.told["error"]["message"]
    assert desk.on_sale(product).quantity == had.quantity + 3
    assert await desk.differences() == []


# --- switches


def _exported(desk: Desk, product: int) -> dict[str, Any]:
    one = desk.on_sale(product)
    shown = {"id": one.id, "blueprint_id": one.blueprint_id, "quantity": one.quantity, "price_cents": one.price_cents}
    return {**shown, "properties_hash": editable(desk, product)}
