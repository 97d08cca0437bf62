"""What stands between a client under test and a simulated CardTrader in the same process."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

import httpx

from devstack.simulators.cardtrader.app import create_app
from devstack.simulators.cardtrader.errors import ConnectionDropped
from devstack.simulators.cardtrader.market import Market


class Wire(httpx.AsyncBaseTransport):
    """The simulator without sockets, and a book of what was asked."""

    def __init__(self, market: Market) -> None:
        self._inner = httpx.ASGITransport(create_app(market))
        self.asked: list[str] = []
        self.after: dict[str, Callable[[], object]] = {}

    def once(self, request: str, strike: Callable[[], object]) -> None:
        """Do something when CardTrader has done this request ("POST .*increment"), before its answer arrives."""
        self.after[request] = strike

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = f"{request.method} {request.url.path.removeprefix('/api/v2/')}"
        self.asked.append(asked)
        try:
            answer = await self._inner.handle_async_request(request)
            for pattern in [pattern for pattern in self.after if re.fullmatch(pattern, asked)]:
                done = self.after.pop(pattern)()
                if inspect.isawaitable(done):
                    await done
            return answer
        except ConnectionDropped:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from None


class OpenVault:
    """Tokens are kept as they are."""

    def encrypt_bytes(self, data: bytes) -> bytes:
        """As it is."""
        return data

    def decrypt(self, token: str) -> str:
        """The same."""
        return token
