"""Turns exceptions into the envelope of `api.errors`; installed on every app by the composition root."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Scope

from api.errors import ApiError, ErrorAnswer, ErrorBody, ErrorField, RedisUnavailable

_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_CODES: Final[Mapping[int, str]] = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
}


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _refused_fields)
    app.add_exception_handler(Exception, _crash)
    for fault in (RedisConnectionError, RedisTimeoutError):
        app.add_exception_handler(fault, _redis_fault)


def answer(status: int, body: ErrorBody, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """One error answer."""
    content = ErrorAnswer(error=body, detail=body.message).model_dump(mode="json")
    if body.errors is None:
        del content["error"]["errors"]
    return JSONResponse(content, status, dict(headers or {}))


def internal_error(trace_id: str) -> JSONResponse:
    """The answer to what nobody expected; it tells nothing."""
    return answer(500, ErrorBody(code=ApiError.code, message="Internal server error", trace_id=trace_id))


def headers_of(request: Request, error: HTTPException) -> dict[str, str]:
    """The error's own; of a method that is not served, all that are, and not only those of the first route."""
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return dict(error.headers or {})
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    routes = request.app.router.routes
    served = [name for name in _METHODS if any(route.matches(scopes[name])[0] is Match.FULL for route in routes)]
    return {**(error.headers or {}), "Allow": ", ".join(served)}


def _trace_id(request: Request) -> str:
    return str(getattr(request.state, "trace_id", ""))


def answer_of(scope: Scope, error: ApiError) -> Response:
    """The answer to a request that an error ended before it came to a route."""
    trace_id = str(scope.get("state", {}).get("trace_id", ""))
    body = ErrorBody(code=error.code, message=error.message, context=error.context, trace_id=trace_id)
    return answer(error.status, body, error.headers)


def _envelope(request: Request, error: ApiError) -> Response:
    return answer_of(request.scope, error)


async def _api_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return _envelope(request, error)


async def _redis_fault(request: Request, _error: Exception) -> Response:
    return _envelope(request, RedisUnavailable())


async def _http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    code = _CODES.get(error.status_code, "HTTP_ERROR")
    body = ErrorBody(code=code, message=str(error.detail), trace_id=_trace_id(request))
    return answer(error.status_code, body, headers_of(request, error))


async def _crash(request: Request, _error: Exception) -> Response:
    return internal_error(_trace_id(request))


async def _refused_fields(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    body = ErrorBody(
        code="VALIDATION_ERROR",
        message="Request validation failed",
        errors=[_field(refused) for refused in error.errors()],
        trace_id=_trace_id(request),
    )
    return answer(422, body)


def _field(refused: Mapping[str, Any]) -> ErrorField:
    # Only these three keys: `input` would send a pasted token back.
    place = ".".join(str(part) for part in refused["loc"])
    return ErrorField(field=place, message=refused["msg"], type=refused["type"])
