"""The outermost layer: books the call, lets faults strike, checks the token. The control API passes through."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import msgspec
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devstack.simulators.cardtrader.connections import Connections

from .faults import REQUEST_FAULTS, Faults, FaultSpec, RequestFault
from .tokens import Tokens

PREFIX: Final = "/api/v1"
CONTROL: Final = "/control"
_OPEN: Final = (f"{PREFIX}/auth/login", f"{PREFIX}/auth/refresh", f"{PREFIX}/health")


class Lost(Exception):
    """The connection ends without an answer; what tests in the same process see."""


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer with any body that msgspec encodes."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


@dataclass
class Doors:
    """What every simulated neighbour has."""

    tokens: Tokens
    faults: Faults = field(default_factory=Faults)
    connections: Connections = field(default_factory=Connections)
    calls: Counter[str] = field(default_factory=Counter)
    unauthorised: int = 0


class Gate:
    """ASGI wrapper around an application."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self._app, self._doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        self._doors.calls[f"{scope['method']} {scope['path'].removeprefix(PREFIX)}"] += 1
        for kind in REQUEST_FAULTS:
            fault = self._doors.faults.strike(kind, scope["path"])
            if fault and await self._struck(kind, fault, scope, receive, send):
                return
        await self._answer(scope, receive, send)

    async def _struck(self, kind: RequestFault, fault: FaultSpec, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether the request is over by it."""
        match kind:
            case "latency":
                await asyncio.sleep(fault.seconds)
            case "signed_out":
                self._doors.tokens.forget()
            case "lost_answer":
                await self._answer(scope, receive, _nowhere)
                await self._hang_up(scope)
            case "dropped":
                await self._hang_up(scope)
            case _:
                await _instead(kind, fault)(scope, receive, send)
        return kind not in ("latency", "signed_out")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in _OPEN or self._doors.tokens.accepts(Headers(scope=scope).get("authorization", "")):
            await self._app(scope, receive, send)
            return
        self._doors.unauthorised += 1
        await json_response({"detail": "Not authenticated"}, 401)(scope, receive, send)

    async def _hang_up(self, scope: Scope) -> None:
        if not await self._doors.connections.abort(scope):
            raise Lost


def _instead(kind: RequestFault, fault: FaultSpec) -> Response:
    if kind == "page":
        return HTMLResponse("<html><body>One moment, please.</body></html>")
    if kind == "garbage":
        return Response(b'{"success": tru', media_type="application/json")
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    return json_response({"detail": "The service is having a bad day."}, fault.status, headers)


async def _nowhere(_: Message) -> None:
    """Where a lost answer goes."""
