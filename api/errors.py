"""The error envelope, and the one place where failures become HTTP answers.

Every error answers `{"error": {code, message, context, trace_id}, "detail": message}`; `detail` repeats the message
for callers of the first API.

    ApiError
    ├── Unauthorized                401
    ├── WebhookRejected             401
    ├── Forbidden                   403
    ├── InvalidInput                400
    │   ├── ItemNotListed
    │   └── InsufficientQuantity
    ├── NotFound                    404
    │   ├── SyncNotFound
    │   ├── ItemNotFound
    │   └── PlanNotFound
    ├── SyncInProgress              409
    ├── AccountMismatch             409
    ├── WebhookConflict             409
    ├── AccountBusy                 409
    ├── NotRepeatable               409
    ├── ItemReserved                409
    ├── IdempotencyConflict         409
    ├── PurchaseRefused             409
    ├── PlanDecided                 409
    ├── PreconditionFailed          412
    ├── BodyTooLarge                413
    ├── CardTraderRefused           502
    ├── RateLimitExceeded           429
    ├── SchemaOutdated              500
    └── Unavailable                 503, Retry-After
        ├── CardTraderUnavailable
        ├── DatabaseUnavailable
        ├── RedisUnavailable
        ├── TemporalUnavailable
        ├── WorkerUnavailable
        └── AuthenticationMisconfigured
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


class WebhookRejected(ApiError):
    """The signature is missing or does not match."""

    status, code = 401, "WEBHOOK_VALIDATION_ERROR"


class Forbidden(ApiError):
    """Access denied: User ID mismatch"""

    status, code = 403, "FORBIDDEN"


class InvalidInput(ApiError):
    """The request is not valid."""

    status, code = 400, "VALIDATION_ERROR"


class NotFound(ApiError):
    """Not found."""

    status, code = 404, "NOT_FOUND"


class SyncNotFound(NotFound):
    """This account is not linked to CardTrader. Link it first."""

    code = "SYNC_NOT_FOUND"


class ItemNotListed(InvalidInput):
    """The item has no product on CardTrader, so nothing can be changed there."""

    code = "INVENTORY_ITEM_MISSING_EXTERNAL_ID"


class InsufficientQuantity(InvalidInput):
    """Fewer copies are available than were asked for."""

    code = "INSUFFICIENT_QUANTITY"


class ItemNotFound(NotFound):
    """Inventory item not found"""

    code = "INVENTORY_ITEM_NOT_FOUND"


class PlanNotFound(NotFound):
    """There is no such plan."""

    code = "PLAN_NOT_FOUND"


class ItemReserved(ApiError):
    """Copies of the item are held for purchases in progress. Try again when they have ended."""

    status, code = 409, "INVENTORY_ITEM_RESERVED"


class IdempotencyConflict(ApiError):
    """The Idempotency-Key was used before, for another request."""

    status, code = 409, "IDEMPOTENCY_KEY_REUSED"


class PurchaseRefused(ApiError):
    """The copies cannot be bought; `reason` in the context says why."""

    status, code = 409, "PURCHASE_REFUSED"


class PlanDecided(ApiError):
    """The plan does not wait for a decision any more. Read the plan again."""

    status, code = 409, "PLAN_DECIDED"


class PreconditionFailed(ApiError):
    """The item has changed since you read it. Read it again."""

    status, code = 412, "PRECONDITION_FAILED"


class SyncInProgress(ApiError):
    """A sync of this account is running. Wait for it, or cancel it."""

    status, code = 409, "SYNC_IN_PROGRESS"


class AccountMismatch(ApiError):
    """The stock here belongs to another CardTrader account. Disconnect with action "remove" first, then link again."""

    status, code = 409, "CARDTRADER_ACCOUNT_MISMATCH"


class WebhookConflict(ApiError):
    """A webhook of this id was received before, with another body or for another account."""

    status, code = 409, "WEBHOOK_CONFLICT"


class AccountBusy(ApiError):
    """The account is suspended, but some of its work has not stopped yet. Try again in a moment."""

    status, code = 409, "ACCOUNT_BUSY"


class NotRepeatable(ApiError):
    """This record cannot be tried again."""

    status, code = 409, "NOT_REPEATABLE"


class SchemaOutdated(ApiError):
    """The database schema is not up to date. Run `python -m cli migrate`."""

    code = "DATABASE_ERROR"


class BodyTooLarge(ApiError):
    """The request body is too large."""

    status, code = 413, "PAYLOAD_TOO_LARGE"


class CardTraderRefused(ApiError):
    """CardTrader refused the request."""

    status, code = 502, "CARDTRADER_API_ERROR"


class RateLimitExceeded(ApiError):
    """Too many requests. Wait and try again."""

    status, code = 429, "RATE_LIMIT_EXCEEDED"

    def __init__(self, retry_after: int, **context: Any) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)}, retry_after=retry_after, **context)


class Unavailable(ApiError):
    """A service that is needed for this does not answer. Try again."""

    status, code = 503, "SERVICE_UNAVAILABLE"

    def __init__(self, message: str | None = None, *, retry_after: int = 5, **context: Any) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)}, **context)


class CardTraderUnavailable(Unavailable):
    """CardTrader does not answer. Try again later."""

    code = "CARDTRADER_SERVICE_UNAVAILABLE"


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
