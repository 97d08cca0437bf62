"""Signed webhooks to a loopback address, sent in the background, with every fault of a bad network.

The signature is base64 HMAC-SHA256 of the raw body under the text of the shared secret. Redelivery repeats id and body.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from .clock import Clock, Ids
from .faults import FaultBox
from .knobs import Knobs
from .order_shapes import Order
from .seller import Seller

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Event(msgspec.Struct, frozen=True):
    """The body of a webhook."""

    id: str
    time: int
    cause: str
    object_class: str
    object_id: int
    mode: str
    data: object


@dataclass(frozen=True, slots=True)
class Delivery:
    """One signed request on its way."""

    url: str
    body: bytes
    signature: str


def sign(body: bytes, secret: str) -> str:
    """The value of the Signature header."""
    return base64.b64encode(hmac.new(secret.encode(), body, "sha256").digest()).decode()


def is_loopback(url: str) -> bool:
    """Whether webhooks may go there."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK


class Webhooks:
    """Sends events in order (one worker by default). Use as an async context manager."""

    def __init__(self, clock: Clock, ids: Ids, knobs: Callable[[], Knobs], faults: FaultBox) -> None:
        self._clock = clock
        self._ids = ids
        self._knobs = knobs
        self._faults = faults
        self._queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._held: Delivery | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = 0
        self._open = 0
        self.outcomes: Counter[str] = Counter()

    async def __aenter__(self) -> Webhooks:
        self._client = httpx.AsyncClient(trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def replace_client(self, client: httpx.AsyncClient) -> None:
        """Send through another client, which is closed at the end in place of the own one."""
        await self._client.aclose()
        self._client = client

    @property
    def pending(self) -> int:
        """Deliveries not yet through."""
        return self._open

    def order_event(self, seller: Seller, cause: str, order: Order) -> None:
        """Tell a seller about an order."""
        is_gone = cause == "order.destroy"
        empty: dict[str, str] | None = {} if self._knobs().destroy_data == "empty" else None
        self.send(seller, cause, "Order", order.id, empty if is_gone else order)

    def send(self, seller: Seller, cause: str, object_class: str, object_id: int, data: object) -> None:
        """Queue an event for the seller's address, if there is one; faults strike here."""
        if not seller.webhook_url:
            return
        now, mode = int(self._clock.wall().timestamp()), self._knobs().webhook_mode
        event = Event(self._ids.unique(), now, cause, object_class, object_id, mode, data)
        if self._faults.take("webhook_drop", path=cause):
            self.outcomes["dropped"] += 1
            return
        self._schedule(self._sealed(seller, event), cause)
        if repeat := self._faults.take("webhook_duplicate", path=cause):
            copy = msgspec.structs.replace(event, id=self._ids.unique()) if repeat.new_id else event
            self._schedule(self._sealed(seller, copy), cause)

    def _sealed(self, seller: Seller, event: Event) -> Delivery:
        body = msgspec.json.encode(event)
        is_forged = self._faults.take("webhook_forge", path=event.cause) is not None
        return Delivery(seller.webhook_url, body, sign(body, "forged" if is_forged else seller.secret))

    def _schedule(self, delivery: Delivery, cause: str) -> None:
        """Queue now, later, or behind the next one."""
        self.outcomes["queued"] += 1
        self._open += 1
        if delay := self._faults.take("webhook_delay", path=cause):
            self._start(self._later(delivery, delay.seconds))
        elif self._held is None and self._faults.take("webhook_reorder", path=cause):
            self._held = delivery
        else:
            self._enqueue(delivery)
            self.flush()

    def flush(self) -> None:
        """Let go what was held back to be overtaken."""
        held, self._held = self._held, None
        if held:
            self._enqueue(held)

    async def _later(self, delivery: Delivery, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._enqueue(delivery)

    def _enqueue(self, delivery: Delivery) -> None:
        self._queue.put_nowait(delivery)
        if self._workers < self._knobs().webhook_concurrency:
            self._workers += 1
            self._start(self._work())

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        """Deliver until the queue is empty."""
        try:
            while not self._queue.empty():
                is_through = await self._deliver(self._queue.get_nowait())
                self.outcomes["delivered" if is_through else "given_up"] += 1
                self._open -= 1
        finally:
            self._workers -= 1

    async def _deliver(self, delivery: Delivery) -> bool:
        headers = {"Content-Type": "application/json", "Signature": delivery.signature}
        for attempt in range(self._knobs().webhook_retries + 1):
            await asyncio.sleep(attempt * self._knobs().webhook_backoff)
            if await self._post(delivery, headers):
                return True
        return False

    async def _post(self, delivery: Delivery, headers: dict[str, str]) -> bool:
        try:
            timeout = self._knobs().webhook_timeout
            answer = await self._client.post(delivery.url, content=delivery.body, headers=headers, timeout=timeout)
        except httpx.HTTPError:
            self.outcomes["unreachable"] += 1
            return False
        self.outcomes[f"status_{answer.status_code}"] += 1
        return answer.is_success
