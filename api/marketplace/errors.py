"""Failures of the `marketplace` context, and their flat bodies: {"error": ..., "message": ..., "details": [...]}.

ApiError
├── NotFound                404, {"error": "Store not found"}
│   ├── StoreNotFound
│   ├── EndpointNotFound
│   ├── EventNotFound
│   └── ReplayNotFound
├── InvalidInput            400, {"error": "Validation error", "details": [...]}
│   └── TargetInvalid
└── NotActive               409
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from api.error_handlers import headers_of
from api.errors import ApiError, InvalidInput, NotFound, RedisUnavailable

_INVALID: Final = "Validation error"
# Python 3.13 has another name for it than 3.11.
_NAMES: Final = {413: "payload_too_large"}


class Detail(BaseModel):
    """One refused field."""

    field: str = Field(description="where it is, dotted: body.targetUrl", examples=["body.receipt"])
    message: str = Field(description="what is wrong with it", examples=["Field required"])


class FlatError(BaseModel):
    """The body of every answer with a status of 400 or above."""

    error: str = Field(description="what went wrong", examples=["Validation error"])
    message: str | None = Field(None, description="one sentence, for people", examples=["Missing token"])
    details: list[Detail] | None = Field(
        None,
        description="refused fields, with status 400",
        examples=[[{"field": "body.receipt", "message": "Field required"}]],
    )


class StoreNotFound(NotFound):
    """Store not found"""


class EndpointNotFound(NotFound):
    """Webhook not found"""


class EventNotFound(NotFound):
    """Event not found"""


class ReplayNotFound(NotFound):
    """Replay not found"""


class TargetInvalid(InvalidInput):
    """Events cannot be sent there."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="targetUrl")


class NotActive(ApiError):
    """The webhook is paused or switched off. Resume it first."""

    status, code = 409, "NOT_ACTIVE"


def install(app: FastAPI) -> None:
    """Register the handlers, over those of `api.error_handlers`."""
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _refused_fields)
    app.add_exception_handler(Exception, _crash)
    for fault in (RedisConnectionError, RedisTimeoutError):
        app.add_exception_handler(fault, _redis_fault)


def flat(status: int, body: FlatError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """One error answer."""
    return JSONResponse(body.model_dump(exclude_none=True), status, dict(headers or {}))


async def _api_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return answer_of(error)


def answer_of(error: ApiError) -> Response:
    """The answer to a request that an error ended, wherever that was."""
    if isinstance(error, NotFound):
        body = FlatError(error=error.message)
    elif isinstance(error, InvalidInput):
        detail = Detail(field=str(error.context.get("field", "")), message=error.message)
        body = FlatError(error=_INVALID, details=[detail])
    else:
        body = FlatError(error=error.code.lower(), message=error.message)
    return flat(error.status, body, error.headers)


async def _redis_fault(_request: Request, _error: Exception) -> Response:
    return answer_of(RedisUnavailable())


async def _http_exception(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    phrase = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    name = _NAMES.get(error.status_code, phrase)
    return flat(error.status_code, FlatError(error=name, message=str(error.detail)), headers_of(request, error))


async def _refused_fields(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    # Only these two: `input` would send a pasted token back.
    details = [
        Detail(field=".".join(str(part) for part in refused["loc"]), message=refused["msg"])
        for refused in error.errors()
    ]
    return flat(400, FlatError(error=_INVALID, details=details))


async def _crash(_request: Request, _error: Exception) -> Response:
    """What nobody expected tells nothing; the middleware around us has logged it."""
    return flat(500, FlatError(error="internal_server_error", message="Internal server error"))
