"""CardTrader clients over a transport of answers, with limits and a breaker that only remember."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from clients.cardtrader import CardTrader, CardTraderClient
from clients.circuit_breaker import CircuitBreaker
from clients.errors import CircuitOpen
from clients.token_bucket import Klass, TokenBucket

TOKEN = "eyJhbGciOi.J9-secret_token.sig"
SECRET = "0123456789abcdef0123456789abcdef"
INFO = {"id": 4711, "name": "Shop", "user_id": 88123, "shared_secret": SECRET, "webhook_url": None}
JOB = UUID("00000000-0000-4000-8000-000000000001")

Handler = Callable[[httpx.Request], httpx.Response]


class Bucket(TokenBucket):
    """Grants at once and remembers what it was asked."""

    def __init__(self, journal: list[Any], name: str, waits: list[float] | None = None) -> None:
        self.journal, self._name, self._waits = journal, name, waits or []

    @property
    def tolerance(self) -> float:
        return 0.1

    async def acquire(self, key: str, klass: Klass) -> float:
        self.journal.append((self._name, key, klass))
        return self._waits.pop(0) if self._waits else 0.0

    async def penalise(self, key: str, retry_after: float | None = None) -> float:
        self.journal.append((self._name, "penalised", retry_after))
        return retry_after or 0.0


class Breaker(CircuitBreaker):
    """Closed, unless told otherwise; remembers the outcomes."""

    def __init__(self, journal: list[Any], *, opened: bool = False) -> None:
        self.journal, self._opened = journal, opened

    async def check(self, key: str) -> None:
        self.journal.append(("check", key))
        if self._opened:
            raise CircuitOpen(retry_after=12)

    async def record(self, key: str, ok: bool) -> None:
        self.journal.append(("record", ok))


def make_client(
    handler: Handler, journal: list[Any] | None = None, *, opened: bool = False, **settings: Any
) -> CardTraderClient:
    journal = [] if journal is None else journal
    waits = settings.pop("waits", None)
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler), follow_redirects=True)
    shared = CardTrader(
        http,
        "https://cardtrader.test/api/v2",
        Bucket(journal, "general", waits),
        Bucket(journal, "jobs"),
        Breaker(journal, opened=opened),
        **settings,
    )
    return shared.for_token(SecretStr(TOKEN))


def answering(status: int, body: Any = b"", **headers: str) -> Handler:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: httpx.Response(status, content=content, headers={"Content-Type": "application/json"} | headers)
