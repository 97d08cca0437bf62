"""Where faults strike: before a request is worked on, or before its answer leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fastapi.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devstack.simulators.cardtrader.connections import Connections

from .central import Central
from .control import BASE
from .faults import FaultSpec


class Lost(Exception):
    """The connection ends without an answer; what tests in the same process see."""


class Gate:
    """Everything but the control API comes through here."""

    def __init__(self, app: ASGIApp, central: Central, connections: Connections) -> None:
        self._app, self._central, self._connections = app, central, connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(BASE):
            await self._app(scope, receive, send)
            return
        self._central.requests += 1
        fault = self._central.faults.strike(changes=scope["path"].endswith("/adjust"))
        await (self._struck(fault)(scope, receive, send) if fault else self._app(scope, receive, send))

    def _struck(self, fault: FaultSpec) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        async def strike(scope: Scope, receive: Receive, send: Send) -> None:
            match fault.kind:
                case "slow":
                    await asyncio.sleep(fault.seconds)
                case "dropped":
                    await self._hang_up(scope)
                    return
                case "status":
                    await JSONResponse({"detail": "later"}, fault.status)(scope, receive, send)
                    return
                case "page":
                    await HTMLResponse("<html>sorry</html>")(scope, receive, send)
                    return
                case "unauthorised":
                    self._central.forget_tokens()
                case "lost_answer":
                    await self._app(scope, receive, _nowhere)
                    await self._hang_up(scope)
                    return
            await self._app(scope, receive, send)

        return strike

    async def _hang_up(self, scope: Scope) -> None:
        if not await self._connections.abort(scope):
            raise Lost


async def _nowhere(_: Message) -> None:
    """Where a lost answer goes."""
