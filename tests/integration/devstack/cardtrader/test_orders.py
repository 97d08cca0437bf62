"""Sales and what becomes of orders."""

from __future__ import annotations

import httpx

from devstack.simulators.cardtrader.market import Market
from tests.helpers.cardtrader_simulator import answered, books, export
from tests.helpers.waiting import eventually


class TestOrders:
    async def test_direct_sale_lowers_stock_at_once(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        product = next(row for row in await export(api) if row["quantity"] >= 2)
        lines = {"lines": [{"product_id": product["id"], "quantity": product["quantity"]}]}
        order = await answered(await control.post("/sell", json=lines))
        assert (order["state"], order["via_cardtrader_zero"]) == ("paid", False)
        assert order["order_items"][0]["product_id"] == product["id"]
        assert product["id"] not in await books(control)
        assert (await control.post("/sell", json=lines)).status_code == 409
        assert await answered(await api.get(f"/orders/{order['id']}")) == order
        await answered(await control.post(f"/orders/{order['id']}/state", json={"state": "canceled", "relist": True}))
        assert (await books(control))[product["id"]] == (product["quantity"], product["price_cents"])

    async def test_zero_orders_are_merged_weekly(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await answered(await control.patch("/knobs", json={"rows_per_copy": True}))
        pending = [
            await answered(await control.post("/sell", json={"zero": True, "random_lines": 3})) for _ in range(2)
        ]
        assert {order["state"] for order in pending} == {"hub_pending"}
        stock = await books(control)
        merged = await answered(await control.post("/merge-hub"))
        assert await books(control) == stock
        assert (merged["state"], merged["via_cardtrader_zero"]) == ("paid", True)
        assert {item["hub_pending_order_id"] for item in merged["order_items"]} == {order["id"] for order in pending}
        assert {item["quantity"] for item in merged["order_items"]} == {1}
        assert len(await answered(await api.get("/orders", params={"state": "closed"}))) == 2
        assert (await control.post("/merge-hub")).status_code == 404

    async def test_filters_and_pages(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        ids = [(await answered(await control.post("/sell", json={})))["id"] for _ in range(5)]
        query = {"sort": "id.asc", "from_id": ids[0], "to_id": ids[3], "limit": 2}
        pages = [await answered(await api.get("/orders", params={**query, "page": page})) for page in (1, 2, 3)]
        assert [[order["id"] for order in page] for page in pages] == [ids[1:3], ids[3:4], []]
        assert await answered(await api.get("/orders", params={"order_as": "buyer"})) == []

    async def test_own_order_actions(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        order = await answered(await control.post("/sell", json={}))
        path = f"/orders/{order['id']}"
        await answered(await api.put(f"{path}/tracking_code", json={"tracking_code": "T1"}))
        assert (await answered(await api.put(f"{path}/ship")))["state"] == "sent"
        await answered(await api.put(f"{path}/ship"), 422)
        await answered(await api.put(f"{path}/request-cancellation", json={"cancel_explanation": "short"}), 422)
        await answered(await api.put(f"{path}/request-cancellation", json={"cancel_explanation": "x" * 50}))
        assert (await answered(await api.put(f"{path}/confirm-cancellation", json={})))["state"] == "canceled"

    async def test_random_traffic_keeps_the_books(
        self, market: Market, api: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await answered(await control.post("/traffic", json={"events": 200, "per_second": 1e6, "seed": 3}), 202)

        async def over() -> None:
            assert (await control.get("/health")).json()["background"] == 0

        await eventually(over)
        orders = len(next(iter(market.sellers.values())).orders)
        counts = (await answered(await control.get("/traffic")))["actions"]
        assert orders == counts["sell"] + counts["sell_zero"] + counts["merge"] > 80
        assert sum(counts.values()) <= 200
        truth = await books(control)
        assert {row["id"]: (row["quantity"], row["price_cents"]) for row in await export(api)} == truth

    async def test_bulk_change_and_reset(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        before = await books(control)
        body = {"fraction_changed": 0.1, "fraction_gone": 0.05, "seed": 9}
        assert await answered(await control.post("/change", json=body)) == {"changed": 60, "gone": 30}
        assert await answered(await control.post("/prepare")) == {"changed": 1, "gone": 0}
        assert {row["id"]: (row["quantity"], row["price_cents"]) for row in await export(api)} == await books(control)
        await answered(await control.post("/reset"), 204)
        assert await books(control) == before

    async def test_a_second_seller_sees_only_its_own(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        made = await answered(await control.post("/sellers", json={"products": 50, "seed": 2, "token": "other"}), 201)
        theirs = await answered(await api.get("/products/export", headers={"Authorization": "Bearer other"}))
        assert len(theirs) == 50
        assert {row["user_id"] for row in theirs} == {made["user_id"]}
        assert not {row["id"] for row in theirs} & {row["id"] for row in await export(api)}
