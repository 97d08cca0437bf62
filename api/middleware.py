"""What happens to every request, outermost first: trace id, access log and metrics, last resort, headers, body limit.

Plain ASGI, so that streams pass through untouched.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Final
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.error_handlers import internal_error
from api.metrics import HttpMetrics
from observability.correlation import current_trace_id

MAX_BODY_BYTES: Final = 2 * 1024 * 1024
TRACE_HEADER: Final = "X-Trace-Id"
UNMATCHED: Final = "(unmatched)"
_TRACE_SOURCES: Final = (TRACE_HEADER, "X-Request-Id", "X-Correlation-Id")
_SANE_TRACE: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_NOTHING: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
# Swagger UI and ReDoc style what they draw by attributes, and ReDoc searches in a worker it makes itself.
_DOCUMENTATION: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_PAGES: Final = ("/docs", "/redoc")
_log = structlog.get_logger(__name__)


def _trace_id(headers: Headers) -> str:
    given = (headers.get(name, "") for name in _TRACE_SOURCES)
    own = next((value for value in given if _SANE_TRACE.fullmatch(value)), None)
    return own or current_trace_id() or str(uuid4())


def endpoint_of(scope: Scope) -> str:
    """The route template, below the mount if there is one."""
    path = getattr(scope.get("route"), "path", None)
    return UNMATCHED if path is None else f"{scope.get('root_path', '')}{path}"


class RequestContext:
    """Names the request, answers what nobody caught with a bare 500, then logs and counts it."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app, self._metrics, self._clock = app, metrics, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace_id = _trace_id(Headers(scope=scope))
        scope.setdefault("state", {})["trace_id"] = trace_id
        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            try:
                await self._handle(scope, receive, send, trace_id)
            finally:
                # Whoever finds out who calls binds it: see api.deps.
                structlog.contextvars.unbind_contextvars("user_id")

    async def _handle(self, scope: Scope, receive: Receive, send: Send, trace_id: str) -> None:
        started, status = self._clock(), 0

        async def send_traced(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[TRACE_HEADER] = trace_id
            await send(message)

        try:
            await self._app(scope, receive, send_traced)
        except Exception:
            _log.exception("request.crashed")
            if status:
                raise
            await internal_error(trace_id)(scope, receive, send_traced)
        finally:
            self._finish(scope, status or 499, self._clock() - started)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        endpoint = endpoint_of(scope)
        self._metrics.record(scope["method"], endpoint, status, seconds)
        # The path without its query: a query may carry what must not be logged.
        _log.info(
            "request.answered",
            method=scope["method"],
            endpoint=endpoint,
            path=scope["path"][:200],
            status=status,
            ms=round(seconds * 1000, 1),
        )


class SecurityHeaders:
    """Adds the headers a browser needs to be careful with our answers; what a route says itself stays."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self._app = app
        transport = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if https else {}
        self._headers = _raw(_SECURITY_HEADERS | transport)
        self._policies = {name: _raw({"Content-Security-Policy": name}) for name in (_NOTHING, _DOCUMENTATION)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_careful(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                given = {name.lower() for name, _ in headers}
                headers.extend(pair for pair in self._wanted(scope["path"]) if pair[0] not in given)
            await send(message)

        await self._app(scope, receive, send_careful if scope["type"] == "http" else send)

    def _wanted(self, path: str) -> list[tuple[bytes, bytes]]:
        policy = self._policies[_DOCUMENTATION if path.endswith(_PAGES) else _NOTHING]
        return [*self._headers, *policy, *(_UNSTORED if "/api/" in path else ())]


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_UNSTORED: Final = _raw({"Cache-Control": "no-store"})


class BodyLimit:
    """Refuses bodies above `limit` bytes with 413, whether or not they were announced."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        too_large = announced.isdecimal() and int(announced) > self._limit
        seen = 0

        async def receive_limited() -> Message:
            nonlocal seen
            if too_large:
                raise HTTPException(413, "The request body is too large.")
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise HTTPException(413, "The request body is too large.")
            return message

        await self._app(scope, receive_limited, send)
