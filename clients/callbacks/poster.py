"""Sends call-backs: one POST, a few seconds, no redirects, no proxies, no cookies, and nothing read of the answer.

httpcore itself, not httpx: it takes the network to use, so that every connection passes the guard.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import httpcore
import httpx

from clients.callbacks.guard import Guard, GuardedNetwork
from clients.callbacks.signing import Signed
from clients.retry_after import retry_after
from domain.marketplace.delivery import Answer
from domain.marketplace.targets import TargetRefused, check_url

_CONNECTIONS: Final = 50
_IDLE_SECONDS: Final = 15.0
_DRAIN: Final = 16 * 1024
_DRAIN_SECONDS: Final = 0.5


class Poster:
    """Keeps connections to endpoints for a while."""

    def __init__(
        self, guard: Guard, *, timeout: float = 5.0, network: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._timeout = timeout
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=GuardedNetwork(guard, network),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def post(self, url: str, signed: Signed) -> Answer:
        """What came of one attempt. Never raises for what the other side does."""
        try:
            check_url(url)
            async with asyncio.timeout(self._timeout):
                return await self._post(url, signed)
        except TargetRefused as refused:
            return Answer(error=str(refused))
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(error="timed out")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as error:
            return Answer(error=f"no connection ({type(error).__name__})")

    async def _post(self, url: str, signed: Signed) -> Answer:
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)}
        async with self._pool.stream(
            "POST", url, headers=list(signed.headers.items()), content=signed.body, extensions=extensions
        ) as response:
            answer = Answer(status=response.status, retry_after=retry_after(httpx.Headers(response.headers)))
            await _drain(response)
            return answer


async def _drain(response: httpcore.Response) -> None:
    """The answer is known: a short rest is read so that the connection can be kept, more is not waited for."""
    read = 0
    with suppress(httpcore.NetworkError, httpcore.ProtocolError, TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for piece in response.aiter_stream():
                read += len(piece)
                if read > _DRAIN:
                    return
