"""Secrets and personal data that a test has sent through the service, and where they must not come to light."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from google.protobuf.json_format import MessageToJson
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from cli.bridge_demo.entities import ORDERS, SITES
from cli.bridge_demo.syncing import Bridge
from devstack.service import CARDTRADER_TOKEN, RunningService
from workflows.payload_codec import data_converter

_IN_CLEAR = ("search_attributes", "indexed_fields", "header")
_PERSONAL = ("name", "street", "city", "zip", "phone", "email", "username")


@dataclass
class Canaries:
    """What was sent, by what it is, and every answer that told of a failure."""

    sent: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    def new(self, what: str) -> str:
        """A text that is nowhere else."""
        self.sent[what] = f"canary-{uuid4().hex}"
        return self.sent[what]

    def found_in(self, text: str) -> set[str]:
        """What has come to light."""
        return {what for what, value in self.sent.items() if value in text}

    def refused(self, answer: httpx.Response) -> None:
        """Keep the body of a refusal."""
        assert answer.status_code >= 400, (answer.request.url.path, answer.text)
        self.refusals.append(answer.text)


@dataclass
class Visitor:
    """Goes through all contexts with canaries in every field that takes a text."""

    service: RunningService
    canaries: Canaries
    user_id: UUID

    def visit(self) -> None:
        """Everything that is good, then everything that is refused."""
        with httpx.Client(base_url=self.service.api_url, timeout=30) as http:
            self._keys()
            self._order(http)
            self._marketplace(http)
            self._bridge(http)
            self._store(http)
            self._refusals(http)

    def _keys(self) -> None:
        self.canaries.sent |= {
            "CardTrader token": CARDTRADER_TOKEN,
            "Fernet key": self.service.keys.fernet_key,
            "access token": self.service.access_token(self.user_id),
        }

    def _order(self, http: httpx.Client) -> None:
        """An order with a person in it, as CardTrader tells it."""
        with httpx.Client(base_url=self.service.simulator_url, timeout=30) as simulator:
            [seller, *_] = simulator.get("/control/sellers").raise_for_status().json()
            order = simulator.post("/control/sell", json={"random_lines": 2}).raise_for_status().json()
        secret = self.canaries.sent["webhook secret"] = seller["shared_secret"]
        order |= {
            "buyer": {**order["buyer"], "username": self.canaries.new("buyer"), "email": self.canaries.new("mail")}
        }
        for place in ("order_shipping_address", "order_billing_address"):
            order[place] = {name: self.canaries.new(f"{place} {name}") for name in _PERSONAL}
        event = {"id": str(uuid4()), "time": 1, "cause": "order.create", "object_class": "Order", "mode": "live"}
        body = json.dumps({**event, "object_id": order["id"], "data": order}).encode()
        for key, status in ((secret, 200), (self.canaries.new("forged key"), 401)):
            signature = base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()
            path = f"/api/v1/sync/webhook/user/{self.user_id}"
            answer = http.post(path, content=body, headers={"Signature": signature})
            assert answer.status_code == status, answer.text
            if status != httpx.codes.OK:
                self.canaries.refused(answer)

    def _marketplace(self, http: httpx.Client) -> None:
        body = {"organizationId": "canaries", "marketplace": "etsy", "externalStoreId": "s", "currency": "EUR"}
        body |= {"storeName": "A store", "accessToken": self.canaries.new("marketplace's access token")}
        headers = self._bearer(org="canaries")
        made = http.post("/marketplace/stores/register", json=body, headers=headers).raise_for_status().json()
        self.canaries.sent["sync token"] = made["syncToken"]
        target = {
            "organizationId": "canaries",
            "event": "sync.failed",
            "targetUrl": f"{self.service.callbacks_url}/webhook",
        }
        hook = http.post("/marketplace/webhooks/register", json=target, headers=headers).raise_for_status().json()
        self.canaries.sent["endpoint's secret"] = hook["secret"]
        http.post(f"/marketplace/webhooks/{hook['id']}/test", headers=headers).raise_for_status()
        wanted = {"syncToken": made["syncToken"], "receipt": "order-101"}
        http.post("/marketplace/orders/import", json=wanted).raise_for_status()

    def _bridge(self, http: httpx.Client) -> None:
        """Rows with people in them, of which some become dead letters."""
        with httpx.Client(base_url=self.service.apismith_url, timeout=30) as erp:
            for name, value in (("customer", self.canaries.new("customer")), ("total", self.canaries.new("total"))):
                spoil = {"slug": "orders", "rows": 2, "field": name, "value": value}
                erp.post("/control/spoil", json=spoil).raise_for_status()
        headers = self._bearer(roles=("operator", "reader"))
        with httpx.Client(base_url=f"{self.service.api_url}/bridge/api/v1", headers=headers, timeout=30) as api:
            bridge = Bridge(api)
            for entity in (SITES, ORDERS):
                bridge.define(entity)
                assert bridge.wait(bridge.start(entity)).is_over
        wrong = {"entity_name": self.canaries.new("entity") * 9, "business_key_fields": [self.canaries.new("key")] * 99}
        self.canaries.refused(http.post("/bridge/api/v1/entities", json=wrong, headers=headers))

    def _store(self, http: httpx.Client) -> None:
        headers, path = self._bearer(roles=("store",), store_id="canaries-1"), "/store/v1/local/inventory/A-1"
        http.put(path, json={"name": self.canaries.new("item")}, headers=headers).raise_for_status()
        http.post(f"{path}/update", json={"delta": 3}, headers=headers).raise_for_status()
        self.canaries.refused(http.post(f"{path}/update", json={"delta": self.canaries.new("delta")}, headers=headers))

    def _refusals(self, http: httpx.Client) -> None:
        """What must not be told back, nor written down."""
        path = f"/api/v1/sync/link/{self.user_id}"
        token = self.canaries.new("refused access token")
        self.canaries.refused(http.get(path, headers={"Authorization": f"Bearer {token}"}))
        wrong = {"cardtrader_token": [self.canaries.new("listed token")]}
        self.canaries.refused(http.post(path, json=wrong, headers=self._bearer()))
        unknown = {"cardtrader_token": self.canaries.new("unknown token")}
        self.canaries.refused(http.post(path, json=unknown, headers=self._bearer()))
        self.canaries.refused(http.get(f"/nowhere?token={self.canaries.new('token in a query')}"))
        bad = {"organizationId": "canaries", "accessToken": [self.canaries.new("marketplace's listed token")]}
        self.canaries.refused(http.post("/marketplace/stores/register", json=bad, headers=self._bearer(org="canaries")))

    def _bearer(self, roles: tuple[str, ...] = (), **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.service.access_token(self.user_id, roles, **more)}"}


def logs_of(service: RunningService) -> Iterator[tuple[str, str]]:
    """What our own processes have written, by their names."""
    for name, process in service.processes.items():
        if name == "api" or name.startswith("worker"):
            yield name, process.command.log.read_text()


@dataclass(frozen=True)
class History:
    """What a workflow has left: as the server keeps it and with its payloads opened, and how these are encoded."""

    workflow_id: str
    text: str
    encodings: frozenset[str]


async def histories(client: Client) -> AsyncIterator[History]:
    """Every history of the namespace."""
    async for execution in client.list_workflows():
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        events = [event async for event in handle.fetch_history_events()]
        payloads = [payload for event in events for payload in _payloads(event)]
        codec = client.data_converter.payload_codec
        opened = await codec.decode(payloads) if codec else payloads
        texts = [*map(MessageToJson, events), *(payload.data.decode("utf-8", "replace") for payload in opened)]
        encodings = frozenset(payload.metadata["encoding"].decode() for payload in payloads)
        yield History(execution.id, "".join(texts), encodings)


def _payloads(message: Any) -> Iterator[Payload]:
    """What the codec is given: search attributes are the server's to read, headers name a trace."""
    if isinstance(message, Payload):
        yield message
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None or descriptor.name in _IN_CLEAR:
            continue
        if descriptor.message_type.GetOptions().map_entry:
            inner = [value[key] for key in value]
        else:
            inner = list(value) if descriptor.is_repeated else [value]
        for one in inner:
            if hasattr(one, "ListFields"):
                yield from _payloads(one)


async def opening_client(service: RunningService, cipher: Any) -> Client:
    """A client that opens what the service seals."""
    address = service.environment["TEMPORAL_ADDRESS"]
    return await Client.connect(address, data_converter=data_converter("read", lambda: cipher))
