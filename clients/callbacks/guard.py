"""The way out: a name is resolved, every address is checked, and the connection goes to a checked address itself.

The check belongs to the connection, not to the registration: a name may lead elsewhere a moment later, and a
resolver asked twice may answer twice. Of a name with several addresses all have to be public.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import httpcore

from domain.marketplace.targets import TargetRefused, check_url, is_loopback, is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]

_NOT_PUBLIC: Final = "the address does not lead to the public internet"
_UNKNOWN: Final = "the name of the host cannot be resolved"


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Guard:
    """Allows public addresses, and this machine's own where a development setting says so."""

    def __init__(self, *, allow_loopback: bool = False, resolve: Resolve = resolve) -> None:
        self._allow_loopback, self._resolve = allow_loopback, resolve

    async def check(self, url: str) -> None:
        """Raise `TargetRefused` unless events may be sent to this address as things are now."""
        await self.addresses(check_url(url), 443)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Addresses to connect to. Raises `TargetRefused`."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise TargetRefused(_UNKNOWN) from None
        if not found or not all(self._allows(address) for address in found):
            raise TargetRefused(_NOT_PUBLIC if found else _UNKNOWN)
        return found

    def _allows(self, address: str) -> bool:
        return is_public(address) or (self._allow_loopback and is_loopback(address))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to checked addresses only; TLS and the Host header keep the name."""

    def __init__(self, guard: Guard, inner: httpcore.AsyncNetworkBackend | None = None) -> None:
        self._guard, self._inner = guard, inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first address that takes one. Raises `TargetRefused` and httpcore's errors."""
        failure: Exception = httpcore.ConnectError()
        for address in await self._guard.addresses(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """As the inner one."""
        await self._inner.sleep(seconds)
