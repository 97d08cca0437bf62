"""One account's view of CardTrader, and what the views of all accounts share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx
from pydantic import SecretStr
from redis.asyncio import Redis

from clients.cardtrader.bulk import Bulk, Job, read_job
from clients.cardtrader.errors import ExportTruncated
from clients.cardtrader.export import ExportFile, Progress, save
from clients.cardtrader.models import AppInfo, Expansion
from clients.cardtrader.orders import Orders
from clients.cardtrader.products import Products
from clients.cardtrader.tokens import clean_token
from clients.cardtrader.transport import Params, Shared, Transport
from clients.circuit_breaker import CircuitBreaker
from clients.measures import UNMEASURED, ClientMeasures
from clients.token_bucket import Klass, TokenBucket


@dataclass(frozen=True, slots=True)
class CardTrader(Shared):
    """The entry: clients of accounts that share a pool, the limits and the breaker."""

    @classmethod
    def limited(
        cls,
        http: httpx.AsyncClient,
        redis: Redis,
        base_url: str,
        *,
        limit: int,
        window: float,
        burst: int,
        export_timeout: float = 180.0,
        measures: ClientMeasures = UNMEASURED,
    ) -> CardTrader:
        """With the limits (`limit` per `window` seconds) and the breaker that all processes on this Redis share."""
        return cls(
            http=http,
            base_url=base_url,
            bucket=TokenBucket(redis, limit, window, burst, measures=measures),
            jobs_bucket=TokenBucket(redis, 1, 1.0, 1, name="jobs", horizon=0, max_sleep=5.0, measures=measures),
            breaker=CircuitBreaker(redis, measures=measures),
            export_timeout=export_timeout,
        )

    def for_token(self, token: SecretStr | str, klass: Klass = "bulk") -> CardTraderClient:
        """The client of one account.

        Raises:
            TokenRejected: the token cannot be one.
        """
        return CardTraderClient(self, token, klass)


class CardTraderClient:
    """One account's view of CardTrader; `products`, `bulk` and `orders` hold the calls about these.

    Every method raises `CardTraderError`, or `RateLimited`, `LimiterUnavailable` or `CircuitOpen` of
    `clients.errors` before anything is sent.
    """

    def __init__(self, shared: Shared, token: SecretStr | str, klass: Klass = "bulk") -> None:
        bare = clean_token(token.get_secret_value() if isinstance(token, SecretStr) else token)
        self._transport = Transport(shared, bare, klass)
        self.products = Products(self._transport)
        self.bulk = Bulk(self._transport)
        self.orders = Orders(self._transport)

    async def info(self) -> AppInfo:
        """The app behind the token, with the key of its webhook signatures."""
        return await self._transport.get("info", AppInfo)

    async def expansions_export(self) -> list[Expansion]:
        """The expansions in which the account holds products."""
        return await self._transport.get("expansions/export", list[Expansion])

    async def job(self, uuid: UUID) -> Job:
        """How a bulk call stands; one request a second."""
        return await read_job(self._transport, uuid)

    async def download_export(
        self,
        path: Path,
        *,
        expansion_id: int | Literal["null"] | None = None,
        blueprint_id: int | None = None,
        on_progress: Progress | None = None,
    ) -> ExportFile:
        """Write the stock, or a part of it, to `path` as one JSON array; `"null"`: products of no expansion.

        Raises:
            ExportTimedOut: it stopped coming, or never began.
            ExportTruncated: it ended before its end.
        """
        parts = {"expansion_id": expansion_id, "blueprint_id": blueprint_id}
        params: Params = {name: value for name, value in parts.items() if value is not None}
        shared = self._transport.shared
        async with self._transport.stream("products/export", params, shared.export_timeout) as response:
            try:
                return await save(response, path, shared.export_cap, on_progress)
            except (httpx.RemoteProtocolError, httpx.ReadError):
                raise ExportTruncated from None
