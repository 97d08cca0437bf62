"""Workers that die between the sending of a change and its end: it is made once."""

from __future__ import annotations

import asyncio

import pytest

from tests.helpers.desk import Desk

DOZENS = 22


def die() -> None:
    """As if the process ended here."""
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("request_", "wish"),
    [
        (r"POST products/\d+/increment", {"quantity": 30}),
        (r"POST products/\d+/increment", {"quantity": 1, "price_cents": 9}),
        (r"PUT products/\d+", {"quantity": 1, "price_cents": 9}),
        (r"GET products/export", {"quantity": 30}),
    ],
)
async def test_an_edit_whose_worker_dies_is_made_once(desk: Desk, request_: str, wish: dict[str, int]) -> None:
    product, *_ = desk.products(least=3)
    task = await desk.edit(product, **wish)
    await dies_at(desk, request_)
    await desk.work()
    assert desk.on_sale(product).quantity == wish["quantity"]
    assert desk.on_sale(product).price_cents == wish.get("price_cents", desk.on_sale(product).price_cents)
    assert (await desk.ended(task)).status == "completed"
    assert await desk.differences() == []


async def test_a_deletion_and_a_listing_whose_workers_die_are_made_once(desk: Desk) -> None:
    deleted, *_ = desk.products()
    tasks = [await desk.delete(deleted)]
    await dies_at(desk, r"DELETE products/\d+")
    before = len(desk.products())
    tasks.append(await desk.put_on_sale(desk.signable()[0]))
    await desk.work()
    await desk.put_on_sale(desk.signable()[1])
    await dies_at(desk, "POST products")
    await desk.work()
    assert (desk.on_sale(deleted), len(desk.products())) == (None, before + 2)
    assert await desk.outcomes(tasks) == {"completed": 2}
    assert await desk.differences() == []


@pytest.mark.parametrize("request_", ["POST products/bulk_create", "GET jobs/.*"])
async def test_a_batch_whose_worker_dies_is_made_once(desk: Desk, request_: str) -> None:
    before = len(desk.products())
    task = await desk.put_on_sale(*desk.signable()[:DOZENS])
    await dies_at(desk, request_)
    await desk.work()
    assert len(desk.products()) == before + DOZENS
    assert (await desk.ended(task)).status == "completed"
    assert await desk.differences() == []


async def dies_at(desk: Desk, request: str) -> None:
    """Work until CardTrader has done this request; then the worker is another one."""
    desk.wire.once(request, die)
    with pytest.raises(asyncio.CancelledError):
        await desk.work()
    desk.changes = desk.new_changes()


# --- what was certainly not done
