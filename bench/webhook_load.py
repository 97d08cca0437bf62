"""Signed order webhooks as CardTrader sends them, delivered at a steady rate whatever the answers take.

Open loop: a delivery is due at its moment and its latency counts from there, so that a slow answer is not hidden by
the sender waiting for it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import httpx
import msgspec
import numpy as np

from cli.demo.books import Stock
from devstack.simulators.cardtrader.webhooks import Event, sign

_CONNECTIONS: Final = 64
_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook: the sale of one copy, under an order id of its own."""

    order_id: int
    body: bytes
    signature: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Seconds from the moment it was due until it was answered; status 0 without an answer."""

    seconds: float
    status: int


def letters(order: bytes, stock: Stock, secret: str, first_order_id: int, count: int) -> list[Letter]:
    """Sales of different products (in turn, when there are fewer), made after the example of an order."""
    example = json.loads(order)
    rows = np.random.default_rng(first_order_id).permutation(len(stock))
    return [
        _letter(example, stock[rows[number % len(rows)]], secret, first_order_id + number) for number in range(count)
    ]


def _letter(example: dict[str, Any], product: np.void, secret: str, order_id: int) -> Letter:
    place = {"product_id": int(product["id"]), "blueprint_id": int(product["blueprint_id"])}
    item = {**example["order_items"][0], **place, "id": order_id, "quantity": 1}
    order = {**example, "id": order_id, "order_items": [item]}
    event = Event(str(uuid4()), int(time.time()), "order.create", "Order", order_id, "live", order)
    body = msgspec.json.encode(event)
    return Letter(order_id, body, sign(body, secret))


async def deliver(
    url: str, sent: Sequence[Letter], rate: float, watch: Callable[[Letter], None] | None = None
) -> list[Delivery]:
    """Deliver at `rate` per second; `watch` is told of each letter as it leaves."""
    limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    async with httpx.AsyncClient(limits=limits, timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
        with _without_pauses():
            return await _deliver(http, url, sent, rate, watch)


async def _deliver(
    http: httpx.AsyncClient, url: str, sent: Sequence[Letter], rate: float, watch: Callable[[Letter], None] | None
) -> list[Delivery]:
    began = time.perf_counter()
    tasks, gate = [], asyncio.Semaphore(_CONNECTIONS)
    for number, letter in enumerate(sent):
        due = began + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if watch is not None:
            watch(letter)
        tasks.append(asyncio.create_task(_post(http, gate, url, letter, due)))
    return await asyncio.gather(*tasks)


async def _post(http: httpx.AsyncClient, gate: asyncio.Semaphore, url: str, letter: Letter, due: float) -> Delivery:
    """The client's own queue would cost the more the longer it is, and keep a late sender late."""
    headers = {"Content-Type": "application/json", "Signature": letter.signature}
    try:
        async with gate:
            status = (await http.post(url, content=letter.body, headers=headers)).status_code
    except httpx.HTTPError:
        status = 0
    return Delivery(time.perf_counter() - due, status)


@contextmanager
def _without_pauses() -> Iterator[None]:
    """The sender's garbage collection must not count as the receiver's latency."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
