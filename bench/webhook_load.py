"""Signed order webhooks as CardTrader sends them, delivered at a steady rate whatever the answers take.

Open loop: a delivery is due at its moment and its latency counts from there, so that a slow answer is not hidden by
the sender waiting for it. Requests are written as ready bytes: the sender shares two processors with the receiver.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

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


@dataclass
class Line:
    """Kept-alive connections to one address, the last used first; one request at a time on each."""

    url: str
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def post(self, letter: Letter) -> int:
        """The status of the answer. Raises `OSError`, `EOFError` or `TimeoutError` without one."""
        address = urlsplit(self.url)
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            reader, writer = (
                self.idle.pop() if self.idle else await asyncio.open_connection(address.hostname, address.port)
            )
            try:
                writer.write(self._request(letter))
                status = await _answer(reader)
            except BaseException:
                writer.close()
                raise
        self.idle.append((reader, writer))
        return status

    def _request(self, letter: Letter) -> bytes:
        address = urlsplit(self.url)
        head = (
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"
            f"Signature: {letter.signature}\r\nContent-Length: {len(letter.body)}\r\n\r\n"
        )
        return head.encode() + letter.body

    async def close(self) -> None:
        """Close what is idle."""
        while self.idle:
            _, writer = self.idle.pop()
            writer.close()
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head[9:12])


async def deliver(
    url: str, sent: Sequence[Letter], rate: float, watch: Callable[[Letter], None] | None = None
) -> list[Delivery]:
    """Deliver at `rate` per second; `watch` is told of each letter as it leaves."""
    line = Line(url)
    try:
        with _without_pauses():
            return await _deliver(line, sent, rate, watch)
    finally:
        await line.close()


async def _deliver(
    line: Line, sent: Sequence[Letter], rate: float, watch: Callable[[Letter], None] | None
) -> list[Delivery]:
    began = time.perf_counter()
    tasks, gate = [], asyncio.Semaphore(_CONNECTIONS)
    for number, letter in enumerate(sent):
        due = began + number / rate
        if (early := due - time.perf_counter()) > 0:
            await asyncio.sleep(early)
        if watch is not None:
            watch(letter)
        tasks.append(asyncio.create_task(_post(line, gate, letter, due)))
    return await asyncio.gather(*tasks)


async def _post(line: Line, gate: asyncio.Semaphore, letter: Letter, due: float) -> Delivery:
    """Never more at once than a sender keeps connections."""
    try:
        async with gate:
            status = await line.post(letter)
    except (OSError, EOFError, TimeoutError):
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
