"""Orders: pages that miss none, and nothing kept that stock does not need."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from clients.cardtrader import Order, errors
from tests.helpers.cardtrader_client import answering, make_client

PERSONAL = "someone@example.test"
ITEM = {
    "id": 2**40 + 2, "product_id": 2**40 + 3, "blueprint_id": 121777, "name": "Sample Dragon", "quantity": 2,
    "properties": {"condition": "Near Mint"}, "seller_price": {"cents": 270, "currency": "EUR"}, "cancelled_price": [],
    "user_data_field": "sku-77", "hub_pending_order_id": 9, "deleted_at": None,
    "created_at": "2026-05-02T11:20:00.000Z",
}  # fmt: skip
ORDER = {
    "id": 2**40 + 1, "code": "202605021abcde", "via_cardtrader_zero": True, "order_as": "seller",
    "state": "hub_pending",
    "buyer": {"id": 5501, "username": PERSONAL, "email": PERSONAL, "phone": None}, "presale": None, "paid_at": None,
    "order_shipping_address": {"name": PERSONAL, "street": PERSONAL}, "order_shipping_method": None,
    "fee_percentage": "5.0", "order_items": [ITEM, ITEM | {"id": 5, "product_id": None, "deleted_at": "2026-05-03"}],
}  # fmt: skip


async def test_an_order_holds_what_stock_needs_and_nobody() -> None:
    order = await make_client(answering(200, ORDER)).orders.get(2**40 + 1)
    assert (order.id, order.state, order.via_cardtrader_zero, order.presale) == (2**40 + 1, "hub_pending", True, None)
    first, second = order.order_items
    assert (first.id, first.product_id, first.blueprint_id, first.quantity) == (2**40 + 2, 2**40 + 3, 121777, 2)
    assert (first.hub_pending_order_id, first.user_data_field, first.deleted_at) == (9, "sku-77", None)
    assert (second.product_id, second.deleted_at) == (None, "2026-05-03")
    assert PERSONAL.encode() not in msgspec.json.encode(order)


async def test_little_is_enough() -> None:
    order = await make_client(answering(200, {"id": 1, "state": "invented"})).orders.get(1)
    assert order == Order(1, "invented", order_items=[])


async def test_pages_go_on_from_the_last_id_until_an_empty_one() -> None:
    queries: list[dict[str, str]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        query = dict(request.url.params)
        queries.append(query)
        after = int(query.get("from_id", "0"))
        ids = [number for number in (3, 5, 8, 13) if number > after][: int(query["limit"])]
        return httpx.Response(200, json=[{"id": number, "state": "paid"} for number in ids])

    orders = make_client(handler).orders
    pages = [[order.id for order in page] async for page in orders.pages(state="paid", page_size=3)]
    assert pages == [[3, 5, 8], [13]]
    common = {"state": "paid", "sort": "id.asc", "order_as": "seller", "limit": "3"}
    assert queries == [common, common | {"from_id": "8"}, common | {"from_id": "13"}]
    assert [page async for page in orders.pages(from_id=13)] == []
    assert "state" not in queries[-1]


@pytest.mark.parametrize("ids", [[5, 3], [4, 4], [2, 5], [1]])
async def test_orders_in_another_order_are_not_trusted(ids: list[int]) -> None:
    body: Any = [{"id": number, "state": "paid"} for number in ids]
    with pytest.raises(errors.MalformedAnswer):
        async for _ in make_client(answering(200, body)).orders.pages(from_id=2):
            pass


@pytest.mark.parametrize("body", [{"orders": []}, [{"id": 0, "state": "paid"}], [{"id": 1}], b"[{"])
async def test_what_is_not_a_page_is_never_an_empty_one(body: Any) -> None:
    with pytest.raises(errors.MalformedAnswer):
        async for _ in make_client(answering(200, body)).orders.pages():
            pass


async def test_an_order_that_is_not_there() -> None:
    with pytest.raises(errors.NotFound):
        await make_client(answering(404, {"error_code": "not_found"})).orders.get(1)
