"""CardTrader's webhooks on their way to us: overtaken, repeated, forged, dropped, or met by an API that dies."""

from __future__ import annotations

import base64
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import httpx
import msgspec

from devstack.simulators.cardtrader.webhooks import Delivery, sign
from tests.chaos.interleavings.market import event_of
from tests.chaos.interleavings.schedule import Died, Schedule, pause
from tests.chaos.interleavings.story import Post
from tests.helpers.api import PREFIX

_DELIVERED: Final = (200, 202)
_TRIES: Final = 20


@dataclass
class Counts:
    """What became of the webhooks."""

    delivered: int = 0
    dropped: int = 0
    repeated: int = 0
    forged: int = 0


class Postman:
    """Each delivery is a process of its own, so that any may overtake any. `spawn` runs it beside the others."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        user_id: UUID,
        *,
        secret: str,
        rng: random.Random,
        schedule: Schedule,
        spawn: Callable[[Awaitable[None]], None],
    ) -> None:
        self._http, self._path, self._secret = http, f"{PREFIX}/webhook/user/{user_id}", secret
        self._rng, self._schedule, self._spawn = rng, schedule, spawn
        self.counts = Counts()
        self.under_way = 0
        self.violations: list[str] = []
        self.announced: Callable[[int], None] = lambda _: None

    def take(self, delivery: Delivery, post: Post) -> None:
        """Send it on its way, or lose it."""
        if self._rng.random() < post.forged:
            self.counts.forged += 1
            self._spawn(self._deliver(_forged(delivery), expected=(401,)))
        if self._rng.random() < post.dropped:
            self.counts.dropped += 1
            return
        self._spawn(self._deliver(delivery))
        if self._rng.random() < post.repeated:
            self.counts.repeated += 1
            self._spawn(self._deliver(delivery if self._rng.random() < 0.5 else self._renamed(delivery)))

    async def _deliver(self, delivery: Delivery, expected: tuple[int, ...] = _DELIVERED) -> None:
        self.under_way += 1
        try:
            await self._try(delivery, expected)
        finally:
            self.under_way -= 1

    async def _try(self, delivery: Delivery, expected: tuple[int, ...]) -> None:
        event = event_of(delivery)
        name = f"webhook {event['cause']} {event['object_id']}"
        for _ in range(_TRIES):
            try:
                answer = await self._schedule.process(name, lambda: self._post(delivery))
            except Died:
                continue
            if answer.status_code in expected:
                break
            if answer.status_code < 500:
                self.violations.append(f"{name} was answered {answer.status_code}: {answer.text}")
                return
        else:
            self.violations.append(f"{name} was never taken")
        if expected is _DELIVERED:
            self.counts.delivered += 1
            if _tells_of_a_sale(event):
                self.announced(int(str(event["object_id"])))

    async def _post(self, delivery: Delivery) -> httpx.Response:
        await pause("arrive")
        headers = {"Content-Type": "application/json", "Signature": delivery.signature}
        return await self._http.post(self._path, content=delivery.body, headers=headers)

    def _renamed(self, delivery: Delivery) -> Delivery:
        """The same news under a new webhook id."""
        renamed = str(UUID(int=self._rng.getrandbits(128), version=4))
        body = msgspec.json.encode({**event_of(delivery), "id": renamed})
        return replace(delivery, body=body, signature=sign(body, self._secret))


def _tells_of_a_sale(event: dict[str, object]) -> bool:
    """What was cancelled may be on sale again, and what was destroyed names no items."""
    data = event["data"]
    return isinstance(data, dict) and data.get("state") not in (None, "canceled")


def _forged(delivery: Delivery) -> Delivery:
    """An order that nobody made, under a signature that nobody could make."""
    body = delivery.body.replace(b'"quantity":', b'"quantity":9')
    return replace(delivery, body=body, signature=base64.b64encode(bytes(32)).decode())
