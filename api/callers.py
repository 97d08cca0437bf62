"""Who calls, as far as the network knows, and the answer to one who calls too often without a token.

The address is the peer's. Of a trusted proxy it is the last address in X-Forwarded-For that is not itself one:
everything before that was written by the caller. An IPv6 network of 64 bits is one caller.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import ApiError, TooManyCalls
from clients.caller_limit import CallerLimit

Klass = Literal["machines", "open"]
Network = IPv4Network | IPv6Network
Answer = Callable[[Scope, ApiError], Response]

_IPV6_CALLER: Final = 64
# What a machine calls with a signature or a token of its own, and what anybody may read.
_MACHINES: Final = re.compile(r"/api/v1/sync/webhook/|(/marketplace)?/(orders/import|stores/sync-status|mock/)")
_OPEN: Final = re.compile(
    r"(/bridge|/store|/marketplace)?"
    r"/?((health|docs|static-offline-docs|dashboard)(/.*)?|docs\.js|redoc|openapi\.json|metrics"
    r"|api/v1/(health|metrics)|api/v1/monitoring/(health/detailed|metrics/prometheus)|api/v1/sync/setup-test-user)?"
)


def read_networks(text: str) -> tuple[Network, ...]:
    """Comma-separated networks and addresses. Raises `ValueError`."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def class_of(scope: Scope) -> Klass | None:
    """How a request is counted; not at all when its route wants a token and it brings one."""
    path = scope["path"]
    if _MACHINES.match(path):
        return "machines"
    if _OPEN.fullmatch(path) or not any(name == b"authorization" for name, _ in scope["headers"]):
        return "open"
    return None


class Callers:
    """Finds out who calls, behind the proxies that are trusted."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def of(self, scope: Scope) -> str:
        """Their address or network; "unknown" where there is no peer."""
        peer = _address((scope.get("client") or ("",))[0])
        if peer is None:
            return "unknown"
        if self._trusted and self._is_trusted(peer):
            peer = self._behind(peer, _forwarded(scope["headers"]))
        return _named(peer)

    def _behind(self, peer: IPv4Address | IPv6Address, hops: Iterable[str]) -> IPv4Address | IPv6Address:
        for hop in hops:
            address = _address(hop)
            if address is None:
                return peer
            peer = address
            if not self._is_trusted(address):
                return peer
        return peer

    def _is_trusted(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


class CallerLimits:
    """Refuses callers who call too often; where no limiter is open (tests), nobody is."""

    def __init__(self, app: ASGIApp, callers: Callers, limits: Mapping[Klass, int], answer: Answer) -> None:
        self._app, self._callers, self._limits, self._answer = app, callers, limits, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wait = await self._wait(scope) if scope["type"] == "http" else 0.0
        if wait:
            await self._answer(scope, TooManyCalls(math.ceil(wait)))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _wait(self, scope: Scope) -> float:
        limiter: CallerLimit | None = getattr(getattr(scope["app"].state, "services", None), "callers", None)
        if limiter is None or (klass := class_of(scope)) is None or not self._limits[klass]:
            return 0.0
        return await limiter.wait(f"{klass}:{self._callers.of(scope)}", self._limits[klass])


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[str]:
    """From the nearest hop to the furthest."""
    lines = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    return (hop.strip() for hop in reversed(",".join(lines).split(",")))


@lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


@lru_cache(maxsize=4096)
def _named(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, _IPV6_CALLER), strict=False))
