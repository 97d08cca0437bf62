"""The CardTrader simulator against reference/cardtrader.md: answers, limits, orders, webhooks, faults, in process;
and one real server for what only sockets show.
"""

from __future__ import annotations

import base64
import gzip
import hmac
import io
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from devstack.simulators.cardtrader.app import create_app
from devstack.simulators.cardtrader.errors import ConnectionDropped
from devstack.simulators.cardtrader.knobs import Knobs
from devstack.simulators.cardtrader.limits import fingerprint
from devstack.simulators.cardtrader.market import Market, MarketSpec
from devstack.simulators.cardtrader.seller import SellerSpec
from tests.helpers.waiting import eventually

_TOKEN = "seller-token"
_FAST = Knobs(job_pending=0, job_running=0, webhook_backoff=0, jobs_limit=1000)


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    async with Market(MarketSpec((SellerSpec(0, 600, 1, _TOKEN),), knobs=_FAST)) as market:
        yield market


@pytest.fixture
def app(market: Market) -> ASGIApp:
    return create_app(market)


@pytest.fixture
async def control(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://simulator/control") as client:
        yield client


@pytest.fixture
async def api(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://simulator/api/v2",
        headers={"Authorization": f"Bearer {_TOKEN}"},
    ) as client:  # fmt: skip
        yield client


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "devstack.simulators.cardtrader", "--port", str(port), "--products", "12000"]
    process = subprocess.Popen([*command, "--token", _TOKEN])
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


async def _ok(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def _export(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await _ok(await api.get("/products/export", params=query))
    return rows


async def _truth(control: httpx.AsyncClient) -> dict[int, tuple[int, int]]:
    content = (await control.get("/stock")).content
    return {int(row["id"]): (int(row["quantity"]), int(row["price_cents"])) for row in np.load(io.BytesIO(content))}


async def _magic(api: httpx.AsyncClient) -> dict[str, Any]:
    """A Magic single that has a foil print."""
    for product in await _export(api):
        if product["category_id"] == 1 and product["properties_hash"]["mtg_foil"]:
            return product
    raise AssertionError("no foil in the stock")


class TestReading:
    async def test_authorisation_comes_before_everything(self, api: httpx.AsyncClient) -> None:
        for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}, {"Authorization": _TOKEN}):
            body = await _ok(await api.get("/no/such/route", headers=headers), 401)
            assert (body["error_code"], body["errors"]) == ("unauthorized", [])
        assert (await _ok(await api.get("/no/such/route"), 404))["error_code"] == "not_found"

    async def test_info_and_webhook_address(self, api: httpx.AsyncClient) -> None:
        info = await _ok(await api.get("/info"))
        assert info["user_id"] == 88123
        assert "webhook_url" not in info
        changed = await _ok(await api.patch("/app", json={"webhook_url": "http://127.0.0.1:1/hook"}))
        assert changed["webhook_url"] == "http://127.0.0.1:1/hook"
        await _ok(await api.patch("/app", json={"webhook_url": "https://example.test/hook"}), 422)

    async def test_catalogue(self, api: httpx.AsyncClient) -> None:
        assert (await _ok(await api.get("/games")))["array"][0]["name"] == "Magic"
        singles = (await _ok(await api.get("/categories", params={"game_id": "1"})))[0]
        assert {"condition", "mtg_foil", "cmc"} <= {item["name"] for item in singles["properties"]}
        assert (await _ok(await api.get("/blueprints/export"), 422))["error_code"] == "missing_parameter"
        expansion_id = (await _export(api))[0]["expansion"]["id"]
        blueprint = (await _ok(await api.get("/blueprints/export", params={"expansion_id": expansion_id})))[0]
        assert blueprint["expansion_id"] == expansion_id
        defaults = {item["default_value"] for item in blueprint["editable_properties"] if item["type"] == "boolean"}
        assert defaults <= {"false", "true"}

    async def test_exports_of_all_expansions_and_of_none_add_up(self, api: httpx.AsyncClient) -> None:
        whole = await _export(api)
        ids = [row["id"] for row in await _ok(await api.get("/expansions/export"))]
        parts = [row for number in [*ids, "null"] for row in await _export(api, expansion_id=number)]
        assert sorted(row["id"] for row in parts) == sorted(row["id"] for row in whole)
        blueprint_id = whole[0]["blueprint_id"]
        expected = [row for row in whole if row["blueprint_id"] == blueprint_id]
        assert await _export(api, blueprint_id=blueprint_id) == expected

    async def test_identity_and_gzip_say_the_same(self, api: httpx.AsyncClient) -> None:
        plain = await api.get("/products/export", headers={"Accept-Encoding": "identity"})
        packed = await api.get("/products/export")
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert plain.content == packed.content

    async def test_marketplace_shows_the_cheapest(self, api: httpx.AsyncClient) -> None:
        product = (await _export(api))[0]
        found = await _ok(await api.get("/marketplace/products", params={"blueprint_id": product["blueprint_id"]}))
        prices = [row["price_cents"] for row in found[str(product["blueprint_id"])]]
        assert prices == sorted(prices)

    async def test_single_product_is_a_knob(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        product = (await _export(api))[0]
        await _ok(await api.get(f"/products/{product['id']}"), 404)
        await _ok(await control.patch("/knobs", json={"get_product": True}))
        assert (await _ok(await api.get(f"/products/{product['id']}")))["price"]["cents"] == product["price_cents"]


class TestChanging:
    async def test_create_then_merge(self, api: httpx.AsyncClient) -> None:
        product = await _magic(api)
        body = {
            "blueprint_id": product["blueprint_id"], "price": 2.75, "quantity": 2, "description": "new",
            "properties": {"condition": "Poor", "mtg_language": "ru", "signed": True, "altered": True},
        }  # fmt: skip
        first = await _ok(await api.post("/products", json=body))
        second = await _ok(await api.post("/products", json=body))
        assert first["result"] == "ok"
        assert first["resource"]["price"] == {"cents": 275, "currency": "EUR"}
        assert first["resource"]["id"] > 2**31
        assert (second["resource"]["id"], second["resource"]["quantity"]) == (first["resource"]["id"], 4)
        row = next(row for row in await _export(api) if row["id"] == first["resource"]["id"])
        assert (row["quantity"], row["description"], row["properties_hash"]["mtg_language"]) == (4, "new", "ru")

    async def test_warnings_and_strict_mode(self, api: httpx.AsyncClient) -> None:
        product = await _magic(api)
        path = f"/products/{product['id']}"
        body: dict[str, Any] = {"price": 1, "properties": {"cmc": "9", "mtg_language": "French", "condition": "Played"}}
        strict = await _ok(await api.put(path, json={**body, "error_mode": "strict"}), 422)
        assert len(strict["errors"]["properties"]) == 2
        assert await _export(api, blueprint_id=product["blueprint_id"]) == [
            row for row in await _export(api) if row["blueprint_id"] == product["blueprint_id"]
        ]
        loose = await _ok(await api.put(path, json=body))
        assert loose["result"] == "warning"
        assert loose["warnings"]["properties"] == {
            "cmc": ["Read only property cmc has been ignored"],
            "mtg_language": ["Not allowed value French for mtg_language has been ignored"],
        }
        assert loose["resource"]["properties"]["condition"] == "Played"
        assert loose["resource"]["properties"]["mtg_language"] == product["properties_hash"]["mtg_language"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"price": -1}, "price"), ({"price": "2"}, "price"), ({"quantity": 1.5}, "quantity"),
         ({"description": 3}, "description"), ({"properties": []}, "properties")],
    )  # fmt: skip
    async def test_bad_values_change_nothing(self, api: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
        before = await _export(api)
        answer = await _ok(await api.put(f"/products/{before[0]['id']}", json=body), 422)
        assert set(answer["errors"]) == {field}
        assert await _export(api) == before

    async def test_increment_deletes_at_zero(self, api: httpx.AsyncClient) -> None:
        product = next(row for row in await _export(api) if row["quantity"] > 1)
        path = f"/products/{product['id']}"
        lowered = await _ok(await api.post(f"{path}/increment", json={"delta_quantity": -1}))
        assert lowered["resource"]["quantity"] == product["quantity"] - 1
        await _ok(await api.post(f"{path}/increment", json={"delta_quantity": -99}))
        assert product["id"] not in {row["id"] for row in await _export(api)}
        await _ok(await api.post(f"{path}/increment", json={"delta_quantity": 1}), 404)
        await _ok(await api.delete(path), 404)

    @pytest.mark.parametrize(("knob", "status", "left"), [("delete", 200, None), ("reject", 422, 1), ("keep", 200, 0)])
    async def test_quantity_zero_is_a_knob(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient, knob: str, status: int, left: int | None
    ) -> None:
        await _ok(await control.patch("/knobs", json={"zero_quantity": knob}))
        product = next(row for row in await _export(api) if row["quantity"] == 1)
        await _ok(await api.put(f"/products/{product['id']}", json={"quantity": 0}), status)
        assert {row["id"]: row["quantity"] for row in await _export(api)}.get(product["id"]) == left

    async def test_bulk_job_reports_every_item(self, api: httpx.AsyncClient) -> None:
        first, second = (await _export(api))[:2]
        items = [
            {"id": first["id"], "price": 9.99},
            {"id": 1, "price": 1},
            {"price": 1},
            {"id": second["id"], "price": 0},
        ]
        job_id = (await _ok(await api.post("/products/bulk_update", json={"products": items}), 202))["job"]

        async def finished() -> dict[str, Any]:
            job: dict[str, Any] = (await api.get(f"/jobs/{job_id}")).json()
            assert job["state"] == "completed"
            return job

        job = await eventually(finished)
        assert job["stats"] == {"ok": 1, "warning": 0, "error": 3}
        assert job["results"][0] == {"result": "ok", "job_index": 0, "product_id": first["id"]}
        assert [result["job_index"] for result in job["results"]] == [0, 1, 2, 3]
        assert all("product_id" not in result for result in job["results"][1:])
        assert (await _export(api))[0]["price_cents"] == 999
        assert (await _ok(await api.get("/jobs/nonsense")))["state"] == "unknown"

    async def test_bulk_create_and_destroy(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await _ok(await control.patch("/knobs", json={"bulk_max": 2}))
        too_many = await _ok(await api.post("/products/bulk_create", json={"products": [{}, {}, {}]}), 422)
        assert list(too_many) == ["errors"]
        before = await _truth(control)
        doomed = {"products": [{"id": product_id} for product_id in list(before)[:2]]}
        await _ok(await api.post("/products/bulk_destroy", json=doomed), 202)

        async def gone() -> None:
            assert len(await _truth(control)) == len(before) - 2

        await eventually(gone)


class TestLimits:
    async def test_429_is_a_bare_object_and_the_judge_counts_it(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await _ok(await control.patch("/knobs", json={"general_limit": 3, "retry_after": 7}))
        answers = [await api.get("/info") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert answers[3].json() == {"error": "Too many requests: max 3 requests per 10 seconds"}
        assert answers[3].headers["retry-after"] == "7"
        report = (await _ok(await control.get("/limits")))[fingerprint(_TOKEN)]
        assert (report["requests"], report["max_in_any_window"], report["refused_429"]) == (5, 5, 2)
        assert report["windows_over_limit"] == 2


class TestOrders:
    async def test_direct_sale_lowers_stock_at_once(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        product = next(row for row in await _export(api) if row["quantity"] >= 2)
        lines = {"lines": [{"product_id": product["id"], "quantity": product["quantity"]}]}
        order = await _ok(await control.post("/sell", json=lines))
        assert (order["state"], order["via_cardtrader_zero"]) == ("paid", False)
        assert order["order_items"][0]["product_id"] == product["id"]
        assert product["id"] not in await _truth(control)
        assert (await control.post("/sell", json=lines)).status_code == 409
        assert await _ok(await api.get(f"/orders/{order['id']}")) == order
        await _ok(await control.post(f"/orders/{order['id']}/state", json={"state": "canceled", "relist": True}))
        assert (await _truth(control))[product["id"]] == (product["quantity"], product["price_cents"])

    async def test_zero_orders_are_merged_weekly(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await _ok(await control.patch("/knobs", json={"rows_per_copy": True}))
        pending = [await _ok(await control.post("/sell", json={"zero": True, "random_lines": 3})) for _ in range(2)]
        assert {order["state"] for order in pending} == {"hub_pending"}
        stock = await _truth(control)
        merged = await _ok(await control.post("/merge-hub"))
        assert await _truth(control) == stock
        assert (merged["state"], merged["via_cardtrader_zero"]) == ("paid", True)
        assert {item["hub_pending_order_id"] for item in merged["order_items"]} == {order["id"] for order in pending}
        assert {item["quantity"] for item in merged["order_items"]} == {1}
        assert len(await _ok(await api.get("/orders", params={"state": "closed"}))) == 2
        assert (await control.post("/merge-hub")).status_code == 404

    async def test_filters_and_pages(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        ids = [(await _ok(await control.post("/sell", json={})))["id"] for _ in range(5)]
        query = {"sort": "id.asc", "from_id": ids[0], "to_id": ids[3], "limit": 2}
        pages = [await _ok(await api.get("/orders", params={**query, "page": page})) for page in (1, 2, 3)]
        assert [[order["id"] for order in page] for page in pages] == [ids[1:3], ids[3:4], []]
        assert await _ok(await api.get("/orders", params={"order_as": "buyer"})) == []

    async def test_own_order_actions(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        order = await _ok(await control.post("/sell", json={}))
        path = f"/orders/{order['id']}"
        await _ok(await api.put(f"{path}/tracking_code", json={"tracking_code": "T1"}))
        assert (await _ok(await api.put(f"{path}/ship")))["state"] == "sent"
        await _ok(await api.put(f"{path}/ship"), 422)
        await _ok(await api.put(f"{path}/request-cancellation", json={"cancel_explanation": "short"}), 422)
        await _ok(await api.put(f"{path}/request-cancellation", json={"cancel_explanation": "x" * 50}))
        assert (await _ok(await api.put(f"{path}/confirm-cancellation", json={})))["state"] == "canceled"

    async def test_random_traffic_keeps_the_books(
        self, market: Market, api: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await _ok(await control.post("/traffic", json={"events": 200, "per_second": 1e6, "seed": 3}), 202)

        async def over() -> None:
            assert (await control.get("/health")).json()["background"] == 0

        await eventually(over)
        orders = len(next(iter(market.sellers.values())).orders)
        counts = (await _ok(await control.get("/traffic")))["actions"]
        assert orders == counts["sell"] + counts["sell_zero"] + counts["merge"] > 80
        assert sum(counts.values()) <= 200
        truth = await _truth(control)
        assert {row["id"]: (row["quantity"], row["price_cents"]) for row in await _export(api)} == truth

    async def test_bulk_change_and_reset(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        before = await _truth(control)
        body = {"fraction_changed": 0.1, "fraction_gone": 0.05, "seed": 9}
        assert await _ok(await control.post("/change", json=body)) == {"changed": 60, "gone": 30}
        assert await _ok(await control.post("/prepare")) == {"changed": 1, "gone": 0}
        assert {row["id"]: (row["quantity"], row["price_cents"]) for row in await _export(api)} == await _truth(control)
        await _ok(await control.post("/reset"), 204)
        assert await _truth(control) == before

    async def test_a_second_seller_sees_only_its_own(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        made = await _ok(await control.post("/sellers", json={"products": 50, "seed": 2, "token": "other"}), 201)
        theirs = await _ok(await api.get("/products/export", headers={"Authorization": "Bearer other"}))
        assert len(theirs) == 50
        assert {row["user_id"] for row in theirs} == {made["user_id"]}
        assert not {row["id"] for row in theirs} & {row["id"] for row in await _export(api)}


class Receiver:
    """A webhook endpoint that keeps what it gets; refuses the first `refusals` deliveries."""

    def __init__(self, refusals: int = 0) -> None:
        self.got: list[tuple[dict[str, Any], str, bytes]] = []
        self.refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        raw = await request.body()
        if self.refusals:
            self.refusals -= 1
            await Response(status_code=503)(scope, receive, send)
            return
        self.got.append((json.loads(raw), request.headers["signature"], raw))
        await Response("ok")(scope, receive, send)

    @property
    def causes(self) -> list[str]:
        return [event["cause"] for event, _, _ in self.got]


class TestWebhooks:
    @pytest.fixture
    async def receiver(self, market: Market) -> Receiver:
        receiver = Receiver()
        await market.webhooks.replace_client(httpx.AsyncClient(transport=httpx.ASGITransport(receiver)))
        next(iter(market.sellers.values())).webhook_url = "http://127.0.0.1:9/hook"
        return receiver

    async def _sell(self, market: Market, control: httpx.AsyncClient, times: int = 1) -> list[int]:
        ids = [(await _ok(await control.post("/sell", json={})))["id"] for _ in range(times)]
        await self._settled(market)
        return ids

    async def _settled(self, market: Market) -> None:
        def settled() -> None:
            assert market.webhooks.pending == 0

        await eventually(settled)

    async def test_signed_events_of_an_order(
        self, market: Market, control: httpx.AsyncClient, api: httpx.AsyncClient, receiver: Receiver
    ) -> None:
        order_id = (await self._sell(market, control))[0]
        await api.put(f"/orders/{order_id}/ship")
        await control.post(f"/orders/{order_id}/state", json={"state": "arrived"})
        await control.delete(f"/orders/{order_id}")
        await self._settled(market)

        assert receiver.causes == ["order.create", "order.update", "order.destroy"]
        secret = (await _ok(await api.get("/info")))["shared_secret"]
        for event, signature, raw in receiver.got:
            digest = hmac.new(secret.encode(), raw, "sha256").digest()
            assert base64.b64decode(signature) == digest
            assert (event["object_class"], event["object_id"], event["mode"]) == ("Order", order_id, "live")
        assert receiver.got[0][0]["data"]["state"] == "paid"
        assert receiver.got[2][0]["data"] == {}

    async def test_a_refused_delivery_is_repeated_unchanged(
        self, market: Market, control: httpx.AsyncClient, receiver: Receiver
    ) -> None:
        receiver.refusals = 2
        await self._sell(market, control)
        assert len(receiver.got) == 1
        outcomes = await _ok(await control.get("/webhooks"))
        assert (outcomes["status_503"], outcomes["status_200"], outcomes["pending"]) == (2, 1, 0)

    @pytest.mark.parametrize(
        ("fault", "order"),
        [({"kind": "webhook_drop", "count": 1}, [1, 2]), ({"kind": "webhook_duplicate", "count": 1}, [0, 0, 1, 2]),
         ({"kind": "webhook_reorder", "count": 1}, [1, 0, 2]),
         ({"kind": "webhook_delay", "count": 1, "seconds": 0.2}, [1, 2, 0])],
    )  # fmt: skip
    async def test_faults(
        self, market: Market, control: httpx.AsyncClient, receiver: Receiver, fault: dict[str, Any], order: list[int]
    ) -> None:
        await _ok(await control.post("/faults", json=fault), 201)
        ids = [(await _ok(await control.post("/sell", json={})))["id"] for _ in range(3)]
        await self._settled(market)
        assert [ids.index(event["object_id"]) for event, _, _ in receiver.got] == order

    async def test_forged_and_repeated_under_a_new_id(
        self, market: Market, control: httpx.AsyncClient, receiver: Receiver
    ) -> None:
        await _ok(await control.post("/faults", json={"kind": "webhook_duplicate", "new_id": True}), 201)
        await _ok(await control.post("/faults", json={"kind": "webhook_forge", "skip": 1, "count": 1}), 201)
        await self._sell(market, control)
        (first, good, raw), (second, bad, _) = receiver.got
        assert first["id"] != second["id"]
        assert first["data"] == second["data"]
        secret = next(iter(market.sellers.values())).secret
        assert good == base64.b64encode(hmac.new(secret.encode(), raw, "sha256").digest()).decode() != bad


class TestFaults:
    async def test_answers_of_the_edge(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        for fault in (
            {"kind": "status", "status": 502, "count": 1}, {"kind": "cloudflare", "count": 1},
            {"kind": "too_many", "count": 1}, {"kind": "status", "status": 503, "body": "text", "count": 1},
        ):  # fmt: skip
            await _ok(await control.post("/faults", json=fault), 201)
        answers = [await api.get("/info") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [429, 403, 502, 503, 200]
        assert set(answers[0].json()) == {"error"}
        assert answers[2].text.startswith("<!DOCTYPE html>")
        assert [state["fired"] for state in await _ok(await control.get("/faults"))] == [1, 1, 1, 1]

    async def test_filters_and_probability(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        fault = {"kind": "status", "probability": 0.5, "seed": 1, "path": "^/games$", "method": "GET"}
        await _ok(await control.post("/faults", json=fault), 201)
        hits = [(await api.get("/games")).status_code == 502 for _ in range(40)]
        assert 8 < sum(hits) < 32
        assert (await api.get("/info")).status_code == 200

    @pytest.mark.parametrize(("kind", "is_done"), [("lost_answer", True), ("drop_request", False)])
    async def test_answer_lost_after_the_change_was_made(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient, kind: str, is_done: bool
    ) -> None:
        product = (await _export(api))[0]
        await _ok(await control.post("/faults", json={"kind": kind, "count": 1}), 201)
        with pytest.raises(ConnectionDropped):
            await api.post(f"/products/{product['id']}/increment", json={"delta_quantity": 5})
        found = (await _ok(await control.get("/products", params={"ids": product["id"]})))[0]
        assert found["quantity"] == product["quantity"] + 5 * is_done

    async def test_cleanly_cut_json(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        whole = (await api.get("/products/export")).content
        await _ok(await control.post("/faults", json={"kind": "truncated", "clean": True, "at_byte": 5000}), 201)
        for encoding in ("gzip", "identity"):
            cut = await api.get("/products/export", headers={"Accept-Encoding": encoding})
            assert cut.status_code == 200
            assert cut.content == whole[:5000]

    @pytest.mark.parametrize(
        ("kind", "text"), [("empty", b"[]"), ("non_array", b'{"status":"processing","products":null}')]
    )
    async def test_wrong_exports(
        self, api: httpx.AsyncClient, control: httpx.AsyncClient, kind: str, text: bytes
    ) -> None:
        await _ok(await control.post("/faults", json={"kind": kind, "count": 1}), 201)
        assert (await api.get("/products/export")).content == text
        assert len(await _export(api)) == 600

    async def test_duplicate_and_poisoned_rows(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await _ok(await control.post("/faults", json={"kind": "duplicate_rows", "rows": 5, "count": 1}), 201)
        rows = await _export(api)
        assert (len(rows), len({row["id"] for row in rows})) == (605, 600)
        for defect, is_wrong in {
            "negative_quantity": lambda row: row["quantity"] < 0, "missing_price": lambda row: "price_cents" not in row,
            "properties_not_object": lambda row: isinstance(row["properties_hash"], str),
            "blueprint_null": lambda row: row["blueprint_id"] is None, "missing_id": lambda row: "id" not in row,
        }.items():  # fmt: skip
            fault = {"kind": "poisoned", "rows": 3, "defects": [defect], "count": 1}
            await _ok(await control.post("/faults", json=fault), 201)
            assert sum(map(is_wrong, await _export(api))) == 3

    async def test_sealed_expansions_fail_alone(self, api: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
        await _ok(await control.post("/faults", json={"kind": "sealed_expansions_failing", "status": 500}), 201)
        held = await _ok(await api.get("/expansions/export"))
        codes = {row["code"]: (await api.get("/products/export", params={"expansion_id": row["id"]})) for row in held}
        assert {answer.status_code for code, answer in codes.items() if code >= "s36"} <= {500}
        assert {answer.status_code for code, answer in codes.items() if code < "s36"} == {200}

    async def test_unknown_fault_settings_are_refused(self, control: httpx.AsyncClient) -> None:
        assert (await control.post("/faults", json={"kind": "nonsense"})).status_code == 422
        assert (await control.patch("/knobs", json={"nonsense": 1})).status_code == 422


class TestServer:
    """One real process."""

    @pytest.fixture
    async def client(self, address: str) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {_TOKEN}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as client:

            async def ready() -> None:
                try:
                    await client.get("/control/health")
                except httpx.TransportError as error:
                    raise AssertionError from error

            await eventually(ready, deadline=60)
            yield client

    async def test_the_stream_is_one_gzip_member_of_the_right_json(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/api/v2/products/export") as answer:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        rows = json.loads(gzip.decompress(raw))
        decoded = (await client.get("/api/v2/products/export")).json()
        truth = np.load(io.BytesIO((await client.get("/control/stock")).content))
        assert rows == decoded
        assert [row["id"] for row in rows] == truth["id"].tolist()
        assert sum(row["quantity"] for row in rows) == truth["quantity"].sum()

    async def test_a_cut_connection_is_an_error_on_the_wire(self, client: httpx.AsyncClient) -> None:
        await client.post("/control/faults", json={"kind": "truncated", "at_byte": 100_000, "count": 1})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/api/v2/products/export")
        assert (await client.get("/api/v2/info")).status_code == 200

    async def test_a_lost_answer_leaves_no_byte(self, client: httpx.AsyncClient) -> None:
        product_id = int(np.load(io.BytesIO((await client.get("/control/stock")).content))["id"][0])
        await client.post("/control/faults", json={"kind": "lost_answer", "count": 1})
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.delete(f"/api/v2/products/{product_id}")
        assert (await client.get("/control/products", params={"ids": product_id})).json() == []

    async def test_a_slow_export_arrives_whole(self, client: httpx.AsyncClient) -> None:
        fault = {"kind": "slow", "bytes_per_second": 10_000_000, "at_byte": 50_000, "seconds": 0.1, "count": 1}
        await client.post("/control/faults", json=fault)
        answer = await client.get("/api/v2/products/export")
        assert len(answer.json()) > 11_000
        assert answer.elapsed.total_seconds() > 0.1
