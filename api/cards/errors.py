"""Failures that only the routes of the `cards` context answer with; the others are in api.errors.

ApiError
├── WebhookRejected             401
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
├── RateLimitExceeded           429
│   └── ChangeQueueFull
├── SchemaOutdated              500
├── CardTraderRefused           502
└── Unavailable                 503, Retry-After
    └── CardTraderUnavailable
"""

from __future__ import annotations

from typing import Any

from api.errors import ApiError, InvalidInput, NotFound, Unavailable


class WebhookRejected(ApiError):
    """The signature is missing or does not match."""

    status, code = 401, "WEBHOOK_VALIDATION_ERROR"


class ItemNotListed(InvalidInput):
    """The item has no product on CardTrader, so nothing can be changed there."""

    code = "INVENTORY_ITEM_MISSING_EXTERNAL_ID"


class InsufficientQuantity(InvalidInput):
    """Fewer copies are available than were asked for."""

    code = "INSUFFICIENT_QUANTITY"


class SyncNotFound(NotFound):
    """This account is not linked to CardTrader. Link it first."""

    code = "SYNC_NOT_FOUND"


class ItemNotFound(NotFound):
    """Inventory item not found"""

    code = "INVENTORY_ITEM_NOT_FOUND"


class PlanNotFound(NotFound):
    """There is no such plan."""

    code = "PLAN_NOT_FOUND"


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


class CardTraderRefused(ApiError):
    """CardTrader refused the request."""

    status, code = 502, "CARDTRADER_API_ERROR"


class RateLimitExceeded(ApiError):
    """Too many requests. Wait and try again."""

    status, code = 429, "RATE_LIMIT_EXCEEDED"

    def __init__(self, retry_after: int, **context: Any) -> None:
        super().__init__(headers={"Retry-After": str(retry_after)}, retry_after=retry_after, **context)


class ChangeQueueFull(RateLimitExceeded):
    """Too many changes of this account are still on their way to CardTrader. Wait until some are made."""

    code = "CHANGE_QUEUE_FULL"

    def __init__(self, *, most: int) -> None:
        super().__init__(60, most=most)


class SchemaOutdated(ApiError):
    """The database schema is not up to date. Run `python -m cli migrate`."""

    code = "DATABASE_ERROR"


class CardTraderUnavailable(Unavailable):
    """CardTrader does not answer. Try again later."""

    code = "CARDTRADER_SERVICE_UNAVAILABLE"
