"""Requests to CardTrader: bucket, breaker, send, classify, record.

Every address is built on the configured base, redirects are refused, and nothing is retried here: reads are
repeated by Temporal, mutations by nobody. Answers are read up to a cap.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final, Literal, TypeVar
from uuid import UUID

import httpx
import msgspec
import structlog
from pydantic import SecretStr
from redis.asyncio import Redis

from clients.cardtrader.errors import (
    UNREADABLE,
    CardTraderError,
    ExportTimedOut,
    ExportTruncated,
    MalformedAnswer,
    RateLimited,
    TokenRejected,
    Unavailable,
    error_from,
    is_html,
)
from clients.cardtrader.export import ExportFile, Progress, save
from clients.cardtrader.models import AppInfo, Expansion, Job
from clients.circuit_breaker import CircuitBreaker
from clients.errors import LimiterUnavailable
from clients.token_bucket import Klass, TokenBucket, fingerprint

T = TypeVar("T")
Params = dict[str, str | int]

_INVISIBLE: Final = re.compile(r"[\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,4096}")
_ERROR_BODY_CAP: Final = 64 * 1024
_log = structlog.get_logger(__name__)


def clean_token(token: str) -> str:
    """A token as pasted, without white space, soft hyphens and a leading "Bearer".

    Raises:
        TokenRejected: what is left cannot be a token; it is never sent.
    """
    bare = _INVISIBLE.sub("", re.sub(r"^\s*bearer\s+", "", token, flags=re.IGNORECASE))
    if not _TOKEN.fullmatch(bare):
        raise TokenRejected
    return bare


def new_http_client(*, max_connections: int = 20) -> httpx.AsyncClient:
    """A pool for all accounts, which therefore keeps no cookie; the caller closes it."""
    limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx.AsyncClient(limits=limits, cookies=cookies, follow_redirects=False)


@dataclass(frozen=True, slots=True)
class CardTrader:
    """What the clients of all accounts share. Times are seconds, caps are bytes."""

    http: httpx.AsyncClient
    base_url: str
    bucket: TokenBucket
    jobs_bucket: TokenBucket
    breaker: CircuitBreaker
    export_timeout: float = 180.0
    export_cap: int = 4 * 1024**3
    answer_cap: int = 64 * 1024**2

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
    ) -> CardTrader:
        """With the limits (`limit` per `window` seconds) and the breaker that all processes on this Redis share."""
        return cls(
            http=http,
            base_url=base_url,
            bucket=TokenBucket(redis, limit, window, burst),
            jobs_bucket=TokenBucket(redis, 1, 1.0, 1, name="jobs", horizon=0, max_sleep=5.0),
            breaker=CircuitBreaker(redis),
            export_timeout=export_timeout,
        )

    def for_token(self, token: SecretStr | str, klass: Klass = "bulk") -> CardTraderClient:
        """The client of one account.

        Raises:
            TokenRejected: the token cannot be one.
        """
        return CardTraderClient(self, token, klass)


class CardTraderClient:
    """One account's view of CardTrader.

    Every method raises `CardTraderError`, or `RateLimited`, `LimiterUnavailable` or `CircuitOpen` of
    `clients.errors` before anything is sent.
    """

    def __init__(self, shared: CardTrader, token: SecretStr | str, klass: Klass = "bulk") -> None:
        bare = clean_token(token.get_secret_value() if isinstance(token, SecretStr) else token)
        self._shared, self._klass, self._key = shared, klass, fingerprint(bare)
        self._token = SecretStr(bare)

    async def info(self) -> AppInfo:
        """The app behind the token, with the key of its webhook signatures."""
        return await self._get("info", AppInfo)

    async def expansions_export(self) -> list[Expansion]:
        """The expansions in which the account holds products."""
        return await self._get("expansions/export", list[Expansion])

    async def job(self, uuid: UUID) -> Job:
        """How a bulk call stands; one request a second."""
        return await self._get(f"jobs/{uuid}", Job, scarce=self._shared.jobs_bucket)

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
        read_timeout = self._shared.export_timeout
        async with self._permit(), self._answer("products/export", params, read_timeout) as response:
            try:
                return await save(response, path, self._shared.export_cap, on_progress)
            except (httpx.RemoteProtocolError, httpx.ReadError):
                raise ExportTruncated from None

    async def _get(self, path: str, shape: type[T], *, scarce: TokenBucket | None = None) -> T:
        async with self._permit(scarce), self._answer(path) as response:
            body = await _read(response, self._shared.answer_cap)
            try:
                return msgspec.json.decode(body, type=shape)
            except UNREADABLE:
                raise MalformedAnswer from None

    @asynccontextmanager
    async def _permit(self, scarce: TokenBucket | None = None) -> AsyncIterator[None]:
        """Wait for the limits, ask the breaker, and tell both how it went."""
        await self._wait_for(scarce)
        await self._shared.breaker.check(self._key)
        try:
            yield
        except CardTraderError as error:
            await self._shared.breaker.record(self._key, ok=not isinstance(error, Unavailable))
            if isinstance(error, RateLimited):
                await self._penalise(error.retry_after, scarce)
            raise
        await self._shared.breaker.record(self._key, ok=True)

    async def _wait_for(self, scarce: TokenBucket | None) -> None:
        while True:
            if scarce is not None:
                await scarce.acquire(self._key, self._klass)
            waited = await self._shared.bucket.acquire(self._key, self._klass)
            # The scarce slot has aged meanwhile; used too late it would crowd the next one.
            if scarce is None or waited <= scarce.tolerance:
                return

    async def _penalise(self, retry_after: float, scarce: TokenBucket | None) -> None:
        try:
            await self._shared.bucket.penalise(self._key, retry_after)
            if scarce is not None:
                await scarce.penalise(self._key, retry_after)
        except LimiterUnavailable as error:
            _log.warning("bucket.penalty_lost", reason=str(error))

    @asynccontextmanager
    async def _answer(
        self, path: str, params: Params | None = None, read_timeout: float = 30.0
    ) -> AsyncIterator[httpx.Response]:
        """A 2xx answer whose body is still to be read."""
        try:
            async with self._send(path, params or {}, read_timeout) as response:
                if not response.is_success:
                    raise error_from(response, await _read(response, _ERROR_BODY_CAP, cut=True))
                if is_html(response.headers):
                    raise Unavailable("CardTrader answered with a page, not with data.")
                yield response
        except httpx.ReadTimeout:
            fault = ExportTimedOut if path == "products/export" else Unavailable
            raise fault from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            # Not chained: the cause would carry the request, its address and its headers.
            raise Unavailable(f"CardTrader cannot be reached ({type(error).__name__}).") from None

    @asynccontextmanager
    async def _send(self, path: str, params: Params, read_timeout: float) -> AsyncIterator[httpx.Response]:
        async with self._shared.http.stream(
            "GET",
            f"{self._shared.base_url.rstrip('/')}/{path}",
            params=params,
            headers={
                "Authorization": f"Bearer {self._token.get_secret_value()}",
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
            timeout=httpx.Timeout(30.0, connect=10.0, read=read_timeout),
            follow_redirects=False,
        ) as response:
            yield response


async def _read(response: httpx.Response, cap: int, *, cut: bool = False) -> bytes:
    """The decoded body up to `cap` bytes; more is cut off, or refused."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > cap:
            if cut:
                break
            raise MalformedAnswer("CardTrader answered more than is allowed.")
    return bytes(body[:cap])
