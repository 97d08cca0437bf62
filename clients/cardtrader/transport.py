"""Requests to CardTrader: bucket, breaker, send, classify, record.

Every address is built on the configured base, redirects are refused, and nothing is retried here: reads are
repeated by Temporal, mutations by nobody. Answers are read up to a cap.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Literal, TypeVar

import httpx
import msgspec
import structlog
from pydantic import SecretStr

from clients.cardtrader.errors import (
    UNREADABLE,
    CardTraderError,
    ExportTimedOut,
    MalformedAnswer,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
    error_from,
    is_html,
)
from clients.circuit_breaker import CircuitBreaker
from clients.errors import LimiterUnavailable
from clients.measures import UNMEASURED, ClientMeasures, MeasuredClient
from clients.token_bucket import Klass, TokenBucket, fingerprint

T = TypeVar("T")
Params = dict[str, str | int]
Verb = Literal["POST", "PUT", "DELETE"]

_ERROR_BODY_CAP: Final = 64 * 1024
_READ_TIMEOUT: Final = 30.0
# Raised before a byte of the request is on its way: whatever was asked for was not done.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# Prices are decimals; as numbers they leave with exactly their two digits.
encode: Final = msgspec.json.Encoder(decimal_format="number").encode
_log = structlog.get_logger(__name__)


def new_http_client(
    *, max_connections: int = 20, measures: ClientMeasures = UNMEASURED, services: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """A pool for all accounts, which therefore keeps no cookie; the caller closes it.

    `services`: names by host, under which requests are measured.
    """
    limits = httpx.Limits(max_connections=max_connections, max_keepalive_connections=max_connections)
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return MeasuredClient(measures, services or {}, limits=limits, cookies=cookies, follow_redirects=False)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the clients of all accounts share. Times are seconds, caps are bytes."""

    http: httpx.AsyncClient
    base_url: str
    bucket: TokenBucket
    jobs_bucket: TokenBucket
    breaker: CircuitBreaker
    export_timeout: float = 180.0
    export_cap: int = 4 * 1024**3
    answer_cap: int = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class _Request:
    path: str
    method: Verb | Literal["GET"] = "GET"
    params: Params | None = None
    content: bytes | None = None
    read_timeout: float = _READ_TIMEOUT


class Transport:
    """One account's requests."""

    def __init__(self, shared: Shared, token: str, klass: Klass) -> None:
        self.shared, self._klass, self._key = shared, klass, fingerprint(token)
        self._token = SecretStr(token)

    async def get(
        self, path: str, shape: type[T], *, params: Params | None = None, scarce: TokenBucket | None = None
    ) -> T:
        """The answer to a read, as `shape`; `scarce` is a limit beside the general one."""
        async with self._exchange(_Request(path, params=params), scarce) as response:
            return _decode(await self._read(response), shape)

    async def get_bytes(self, path: str, params: Params, read_timeout: float) -> bytes:
        """The answer to a read, as it came."""
        async with self.stream(path, params, read_timeout) as response:
            return await self._read(response)

    def stream(self, path: str, params: Params, read_timeout: float) -> AbstractAsyncContextManager[httpx.Response]:
        """The answer to a read, its body still to come."""
        return self._exchange(_Request(path, params=params, read_timeout=read_timeout))

    async def change(self, method: Verb, path: str, shape: type[T], body: object = None) -> T:
        """The answer to a mutation, sent once; an empty one is read as an empty object.

        Raises:
            OutcomeUnknown: it was sent, and the answer is lost or does not tell whether it was done.
            Unavailable: there is no connection, nothing was sent.
        """
        content = None if body is None else encode(body)
        try:
            async with self._exchange(_Request(path, method, content=content)) as response:
                return _decode(await self._read(response) or b"{}", shape)
        except Unavailable as fault:
            if not fault.sent:
                raise
            raise OutcomeUnknown from None
        except MalformedAnswer:
            raise OutcomeUnknown from None

    @asynccontextmanager
    async def _exchange(self, request: _Request, scarce: TokenBucket | None = None) -> AsyncIterator[httpx.Response]:
        async with self._permit(scarce), self._answer(request) as response:
            yield response

    @asynccontextmanager
    async def _permit(self, scarce: TokenBucket | None) -> AsyncIterator[None]:
        """Wait for the limits, ask the breaker, and tell both how it went."""
        await self._wait_for(scarce)
        await self.shared.breaker.check(self._key)
        try:
            yield
        except CardTraderError as error:
            await self.shared.breaker.record(self._key, ok=not isinstance(error, Unavailable))
            if isinstance(error, RateLimited):
                await self._penalise(error.retry_after, scarce)
            raise
        await self.shared.breaker.record(self._key, ok=True)

    async def _wait_for(self, scarce: TokenBucket | None) -> None:
        while True:
            if scarce is not None:
                await scarce.acquire(self._key, self._klass)
            waited = await self.shared.bucket.acquire(self._key, self._klass)
            # The scarce slot has aged meanwhile; used too late it would crowd the next one.
            if scarce is None or waited <= scarce.tolerance:
                return

    async def _penalise(self, retry_after: float, scarce: TokenBucket | None) -> None:
        try:
            await self.shared.bucket.penalise(self._key, retry_after)
            if scarce is not None:
                await scarce.penalise(self._key, retry_after)
        except LimiterUnavailable as error:
            _log.warning("bucket.penalty_lost", reason=str(error))

    @asynccontextmanager
    async def _answer(self, request: _Request) -> AsyncIterator[httpx.Response]:
        """A 2xx answer whose body is still to be read."""
        try:
            async with self._send(request) as response:
                if not response.is_success:
                    raise error_from(response, await _read(response, _ERROR_BODY_CAP, cut=True))
                if is_html(response.headers):
                    raise Unavailable("CardTrader answered with a page, not with data.")
                yield response
        except httpx.ReadTimeout:
            raise (ExportTimedOut if request.path == "products/export" else Unavailable) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            sent = not isinstance(error, _NOT_SENT)
            # Not chained: the cause would carry the request, its address and its headers.
            raise Unavailable(f"CardTrader cannot be reached ({type(error).__name__}).", sent=sent) from None

    def _send(self, request: _Request) -> AbstractAsyncContextManager[httpx.Response]:
        headers = {
            "Authorization": f"Bearer {self._token.get_secret_value()}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
        }
        return self.shared.http.stream(
            request.method,
            f"{self.shared.base_url.rstrip('/')}/{request.path}",
            params=request.params or {},
            content=request.content,
            headers=headers if request.content is None else headers | {"Content-Type": "application/json"},
            timeout=httpx.Timeout(30.0, connect=10.0, read=request.read_timeout),
            follow_redirects=False,
        )

    async def _read(self, response: httpx.Response) -> bytes:
        return await _read(response, self.shared.answer_cap)


def _decode(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except UNREADABLE:
        raise MalformedAnswer from None


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
