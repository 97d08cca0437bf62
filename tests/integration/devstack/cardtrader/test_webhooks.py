"""Signed webhooks, and what may happen to them on their way."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from devstack.simulators.cardtrader.market import Market
from tests.helpers.cardtrader_simulator import answered
from tests.helpers.waiting import eventually


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
        ids = [(await answered(await control.post("/sell", json={})))["id"] for _ in range(times)]
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
        secret = (await answered(await api.get("/info")))["shared_secret"]
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
        outcomes = await answered(await control.get("/webhooks"))
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
        await answered(await control.post("/faults", json=fault), 201)
        ids = [(await answered(await control.post("/sell", json={})))["id"] for _ in range(3)]
        await self._settled(market)
        assert [ids.index(event["object_id"]) for event, _, _ in receiver.got] == order

    async def test_forged_and_repeated_under_a_new_id(
        self, market: Market, control: httpx.AsyncClient, receiver: Receiver
    ) -> None:
        await answered(await control.post("/faults", json={"kind": "webhook_duplicate", "new_id": True}), 201)
        await answered(await control.post("/faults", json={"kind": "webhook_forge", "skip": 1, "count": 1}), 201)
        await self._sell(market, control)
        (first, good, raw), (second, bad, _) = receiver.got
        assert first["id"] != second["id"]
        assert first["data"] == second["data"]
        secret = next(iter(market.sellers.values())).secret
        assert good == base64.b64encode(hmac.new(secret.encode(), raw, "sha256").digest()).decode() != bad
