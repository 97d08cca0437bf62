"""The outermost layer of the API: authorisation, then limits, then faults, then the routes; control passes through."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import AnswerError, BareError, ConnectionDropped, StandardError, unauthorized
from .faults import FaultSpec, RequestFault
from .limits import classes_of
from .market import Market

BASE: Final = "/api/v2"
_HTML: Final = "<!DOCTYPE html><html><head><title>{0}</title></head><body><p>{0} Bad Gateway</p></body></html>"
_BLOCKED: Final = (
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body></body></html>"
)


def json_response(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer with any msgspec-encodable body."""
    return Response(msgspec.json.encode(body), status, headers, "application/json; charset=utf-8")


def error_response(error: AnswerError) -> Response:
    """The answer of an error."""
    return json_response(error.body, error.status)


class Gate:
    """ASGI wrapper around the application; puts the caller into `scope["seller"]`."""

    def __init__(self, app: ASGIApp, market: Market) -> None:
        self._app = app
        self._market = market

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(BASE):
            await self._app(scope, receive, send)
            return
        try:
            await self._serve(scope, receive, send)
        except ConnectionDropped:
            if not await self._market.connections.abort(scope):
                raise

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._authorise(scope) or self._limit(scope) or await self._fail(scope)
        if refusal:
            await refusal(scope, receive, send)
        elif lost := self._take("lost_answer", scope):
            await self._app(scope, receive, _discard)
            await asyncio.sleep(lost.seconds)
            raise ConnectionDropped
        else:
            await self._app(scope, receive, send)

    def _authorise(self, scope: Scope) -> Response | None:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        seller = self._market.sellers.get(token) if scheme.lower() == "bearer" else None
        scope["seller"] = seller
        return None if seller else error_response(unauthorized())

    def _limit(self, scope: Scope) -> Response | None:
        classes = classes_of(scope["method"], scope["path"].removeprefix(BASE))
        refusal = self._market.limiter.admit(scope["seller"].token, classes)
        return self._too_many(refusal, self._market.knobs.retry_after) if refusal else None

    def _too_many(self, text: str, retry_after: int | None) -> Response:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return json_response(BareError(text), 429, headers)

    async def _fail(self, scope: Scope) -> Response | None:
        if latency := self._take("latency", scope):
            await asyncio.sleep(latency.seconds)
        if self._take("drop_request", scope):
            raise ConnectionDropped
        if storm := self._take("too_many", scope):
            return self._too_many("Too many requests: max 200 requests per 10 seconds", storm.retry_after)
        if self._take("cloudflare", scope):
            return HTMLResponse(_BLOCKED, 403)
        fault = self._take("status", scope)
        return _status_response(fault) if fault else None

    def _take(self, kind: RequestFault, scope: Scope) -> FaultSpec | None:
        path = scope["path"].removeprefix(BASE)
        return self._market.faults.take(kind, scope["method"], path)


def _status_response(fault: FaultSpec) -> Response:
    match fault.body:
        case "html":
            return HTMLResponse(_HTML.format(fault.status), fault.status)
        case "text":
            return PlainTextResponse("queue full", fault.status)
        case _:
            return error_response(StandardError(fault.status, "internal_error", "Something went wrong"))


async def _discard(message: Message) -> None:
    """Swallows an answer that shall get lost."""
