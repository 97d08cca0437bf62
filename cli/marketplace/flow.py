"""`marketplace flow` (`make flow`): the seed's five endpoints in their order, and the events that come of it.

What a step needs it takes from the answers before it; the last receipt is limited, so that a retry tells something.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import httpx
import typer
from rich.console import Console

from cli.api_client import Api
from cli.console import out
from cli.errors import CliError, UnfitError
from cli.keys import sign
from cli.options import DATA_DIR, DataDir

PREFIX: Final = "/marketplace"
EVENTS: Final = ("sync.started", "sync.completed", "sync.failed")
_PAUSE: Final = 0.2
_EXAMPLE: Final = "token-v2"
_VERIFIED: Final = "signature verified"


@dataclass(frozen=True, slots=True)
class Order:
    """What the flow registers and imports."""

    organization: str
    marketplace: str
    external_store: str
    store_name: str
    access_token: str
    currency: str
    webhook_url: str
    receipts: tuple[str, ...]


def flow(
    base_url: Annotated[str, typer.Option(envvar="BASE_URL", help="of the API; the running demo's if not given")] = "",
    organization: Annotated[str, typer.Option(envvar="ORG_ID")] = "org-1",
    marketplace: Annotated[str, typer.Option(envvar="MARKETPLACE")] = "etsy",
    external_store: Annotated[str, typer.Option(envvar="EXTERNAL_STORE_ID")] = "ext-100",
    store_name: Annotated[str, typer.Option(envvar="STORE_NAME")] = "My Etsy Store",
    access_token: Annotated[str, typer.Option(envvar="ACCESS_TOKEN", help="at the marketplace")] = _EXAMPLE,
    currency: Annotated[str, typer.Option(envvar="CURRENCY")] = "USD",
    webhook_url: Annotated[str, typer.Option(envvar="WEBHOOK_URL", help="the demo's receiver if not given")] = "",
    receipts: Annotated[str, typer.Option(envvar="RECEIPTS")] = "order-101,order-102,order-115",
    token: Annotated[str, typer.Option(envvar="BRX_TOKEN", help="by the development key if not given")] = "",
    seconds: Annotated[float, typer.Option(min=1, max=600, help="how long to wait for the events")] = 60,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Run the five steps against the running demo and show the signed events that come."""
    from devstack.addresses import find

    demo = find(data_dir)
    base = base_url or (demo.api if demo else "")
    hook = webhook_url or (f"{demo.callbacks}/webhook" if demo else "")
    if not (base and hook):
        raise UnfitError("No demo is running here. Start one with `make demo`, or give BASE_URL and WEBHOOK_URL.")
    names = tuple(receipt.strip() for receipt in receipts.split(",") if receipt.strip())
    order = Order(organization, marketplace, external_store, store_name, access_token, currency, hook, names)
    with Api.connect(base, token or _token(organization, data_dir), PREFIX) as api:
        Flow(api, order, out()).run(seconds)


class Flow:
    """One run."""

    def __init__(self, api: Api, order: Order, console: Console) -> None:
        self._api, self._order, self._console = api, order, console
        self._secrets: dict[str, str] = {}

    def run(self, seconds: float) -> None:
        """The five steps, then the events. Raises `CliError`."""
        order = self._order
        before = self._received()
        store = self._register()
        for receipt in order.receipts:
            body = {"syncToken": store["syncToken"], "receipt": receipt}
            self._show(f"2. POST /orders/import {receipt}", self._api.post("/orders/import", body))
        params = {"syncToken": store["syncToken"]}
        self._show("3. GET /stores/sync-status", self._api.get("/stores/sync-status", params))
        for event in EVENTS:
            self._listen(event)
        listed = self._api.get("/webhooks", {"organizationId": order.organization})
        endpoints = self._show("5. GET /webhooks", listed)
        for endpoint in endpoints:
            if endpoint["targetUrl"] == order.webhook_url:
                self._api.post(f"/webhooks/{endpoint['id']}/test")
        self._events(len(before), seconds, len(EVENTS))

    def _register(self) -> Mapping[str, str]:
        order = self._order
        body = {
            "organizationId": order.organization,
            "marketplace": order.marketplace,
            "externalStoreId": order.external_store,
            "storeName": order.store_name,
            "accessToken": order.access_token,
            "currency": order.currency,
        }
        store: Mapping[str, str] = self._show("1. POST /stores/register", self._api.post("/stores/register", body))
        return store

    def _listen(self, event: str) -> None:
        order = self._order
        body = {"organizationId": order.organization, "event": event, "targetUrl": order.webhook_url}
        answer = json.loads(self._api.post("/webhooks/register", body))
        secret = answer.pop("secret", None)
        self._show(f"4. POST /webhooks/register {event}", json.dumps(answer))
        # Shown once, so an endpoint of an earlier run gets another.
        self._secrets[event] = secret or self._rotated(answer["id"])

    def _rotated(self, endpoint_id: str) -> str:
        rotated: Mapping[str, str] = json.loads(self._api.post(f"/webhooks/{endpoint_id}/rotate-secret"))
        return rotated["secret"]

    def _events(self, skip: int, seconds: float, tests: int) -> None:
        """Wait for the tests of all endpoints, and for a sync's start and end."""
        self._console.print("\nEvents at the receiver", style="bold")
        deadline, shown, syncs = time.monotonic() + seconds, 0, 0
        while time.monotonic() < deadline and (syncs < 2 or shown - syncs < tests):
            for received in self._received()[skip + shown :]:
                shown += 1
                syncs += self._show_event(received)
            time.sleep(_PAUSE)
        if shown - syncs < tests:
            raise CliError(f"{shown - syncs} of {tests} test events came within {seconds:g} s.")

    def _show_event(self, received: Mapping[str, Any]) -> bool:
        """True for an event of a sync."""
        event = json.loads(received["body"])
        checked = self._check(received)
        self._console.print(
            f"{event['event']:<15} {event['eventId']}  number {received['headers']['x-event-sequence']}  {checked}",
            soft_wrap=True,
        )
        self._console.print(f"  {json.dumps(event['data'])}", soft_wrap=True, markup=False)
        if checked != _VERIFIED:
            raise CliError("An event came with a signature that none of the secrets makes.")
        return event["event"] in EVENTS

    def _check(self, received: Mapping[str, Any]) -> str:
        from standardwebhooks import Webhook, WebhookVerificationError

        for secret in self._secrets.values():
            try:
                Webhook(secret).verify(received["body"], dict(received["headers"]))
            except WebhookVerificationError:
                continue
            return _VERIFIED
        return "WRONG SIGNATURE"

    def _received(self) -> list[Mapping[str, Any]]:
        """The receiver's books. Raises `UnfitError` when there are none to read."""
        parts = urlsplit(self._order.webhook_url)
        inbox = parts.path.removeprefix("/webhook").strip("/") or "main"
        try:
            answer = httpx.get(f"{parts.scheme}://{parts.netloc}/control/{inbox}/received", timeout=5)
            books: list[Mapping[str, Any]] = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            raise UnfitError("The receiver does not answer: python -m devstack.simulators.callbacks") from None
        return books

    def _show(self, title: str, answer: str) -> Any:
        self._console.print(f"\n{title}", style="bold", markup=False)
        shown = json.loads(answer)
        self._console.print(json.dumps(shown, indent=2), markup=False, soft_wrap=True)
        return shown


def _token(organization: str, data_dir: Path) -> str:
    from devstack.keys import PRIVATE_KEY_FILE

    caller = uuid5(NAMESPACE_URL, f"brx-sync:flow:{organization}")
    return sign(caller, data_dir / "keys" / PRIVATE_KEY_FILE, (), timedelta(hours=1), {"org": organization})
