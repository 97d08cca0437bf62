"""Access to the sockets below ASGI: a fault may have to end a connection without sending an answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TypeAlias

from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Address: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class _Open:
    transport: asyncio.Transport
    closed: asyncio.Event = field(default_factory=asyncio.Event)


class Connections:
    """The open connections by client address."""

    def __init__(self) -> None:
        self._open: dict[Address, _Open] = {}

    async def abort(self, scope: Scope) -> bool:
        """End the connection a request came by; False where there is no socket (in-process tests)."""
        client = scope.get("client")
        connection = self._open.get((client[0], client[1])) if client else None
        if connection is None:
            return False
        connection.transport.abort()
        await connection.closed.wait()
        return True

    def opened(self, address: Address, transport: asyncio.Transport) -> None:
        """A client connected."""
        self._open[address] = _Open(transport)

    def lost(self, address: Address) -> None:
        """A client's connection ended."""
        if connection := self._open.pop(address, None):
            connection.closed.set()

    def protocol(self, base: type[H11Protocol | HttpToolsProtocol] = H11Protocol) -> type[asyncio.Protocol]:
        """A uvicorn protocol that keeps these books; httptools reads large bodies at a fraction of the cost."""
        connections = self

        class TrackedProtocol(base):  # type: ignore[valid-type, misc] # either
            def connection_made(self, transport: asyncio.Transport) -> None:
                super().connection_made(transport)
                if self.client:
                    connections.opened(self.client, transport)

            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                if self.client:
                    connections.lost(self.client)

        return TrackedProtocol
