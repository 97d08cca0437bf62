"""The error envelope, and the one place where failures become HTTP answers.

Every error answers `{"error": {code, message, context, trace_id}, "detail": message}`; `detail` repeats the message
for callers of the first API.

    ApiError
    ├── Unauthorized                401
    ├── Forbidden                   403
    ├── InvalidInput                400
    ├── NotFound                    404
    ├── BodyTooLarge                413
    ├── TooManyCalls                429
    └── Unavailable                 503, Retry-After
        ├── DatabaseUnavailable
        ├── RedisUnavailable
        ├── TemporalUnavailable
        ├── WorkerUnavailable
        ├── RequestTimedOut
        └── AuthenticationMisconfigured

What only one context can answer is in its own module: api.cards.errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from pydantic import BaseModel, Field


class ErrorField(BaseModel):
    """One refused field of a request."""

    field: str = Field(description="where it is, dotted: body.cardtrader_token")
    message: str = Field(description="what is wrong with it")
    type: str = Field(description="stable name of the rule it broke")


class ErrorBody(BaseModel):
    """What went wrong."""

    code: str = Field(description="stable, for programs: SYNC_IN_PROGRESS")
    message: str = Field(description="one sentence, for people")
    context: dict[str, Any] = Field(default_factory=dict, description="ids and values that belong to the code")
    errors: list[ErrorField] | None = Field(None, description="refused fields, with VALIDATION_ERROR of status 422")
    trace_id: str = Field(description="also in the header X-Trace-Id and in our logs")


class ErrorAnswer(BaseModel):
    """The body of every answer with a status of 400 or above."""

    error: ErrorBody = Field(description="what went wrong")
    detail: str = Field(description="the message again, for callers of the first API")


class ApiError(Exception):
    """The request failed."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"

    def __init__(self, message: str | None = None, *, headers: Mapping[str, str] | None = None, **context: Any) -> None:
        self.message = message or str(self.__doc__)
        self.headers = dict(headers or {})
        self.context = context
        super().__init__(self.message)


class Unauthorized(ApiError):
    """Missing token"""

    status, code = 401, "UNAUTHORIZED"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class Forbidden(ApiError):
    """Access denied: User ID mismatch"""

    status, code = 403, "FORBIDDEN"


class InvalidInput(ApiError):
    """The request is not valid."""

    status, code = 400, "VALIDATION_ERROR"


class NotFound(ApiError):
    """Not found."""

    status, code = 404, "NOT_FOUND"


class BodyTooLarge(ApiError):
    """The request body is too large."""

    status, code = 413, "PAYLOAD_TOO_LARGE"


class TooManyCalls(ApiError):
    """Too many requests from your address. Wait and try again."""

    status, code = 429, "RATE_LIMIT_EXCEEDED"

    def __init__(self, retry_after: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)}, retry_after=retry_after)


class Unavailable(ApiError):
    """A service that is needed for this does not answer. Try again."""

    status, code = 503, "SERVICE_UNAVAILABLE"

    def __init__(self, message: str | None = None, *, retry_after: int = 5, **context: Any) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)}, **context)


class DatabaseUnavailable(Unavailable):
    """The database does not answer. Try again."""

    code = "DATABASE_UNAVAILABLE"


class RedisUnavailable(Unavailable):
    """The rate limiter does not answer. Try again."""

    code = "REDIS_UNAVAILABLE"


class TemporalUnavailable(Unavailable):
    """The workflow engine does not answer. Try again."""

    code = "TEMPORAL_UNAVAILABLE"


class WorkerUnavailable(Unavailable):
    """No worker takes this work at the moment. Try again."""

    code = "WORKER_UNAVAILABLE"


class RequestTimedOut(Unavailable):
    """The request took too long and was given up. What it had already stored stays. Try again."""

    code = "REQUEST_TIMEOUT"


class AuthenticationMisconfigured(Unavailable):
    """Authentication service configuration error"""

    code = "CONFIGURATION_ERROR"


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: these statuses and those every route can answer, all with the envelope."""
    return {status: {"model": ErrorAnswer} for status in sorted({*statuses, 500, 503})}


def documented_as_json(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`documented` for a route whose success is not JSON, as its errors would be shown in its media type."""
    schema = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
    content = {"application/json": {"schema": schema}}
    return {
        status: {"content": content, "description": HTTPStatus(int(status)).phrase} for status in documented(*statuses)
    }
