"""Failures that only the routes of the `store` context answer with; the others are in api.errors.

ApiError
├── InvalidInput                400
│   └── InsufficientQuantity
├── NotFound                    404
│   ├── SkuNotFound
│   └── OperationNotFound
├── OperationReused             409
├── NotDecidable                409
├── PreconditionFailed          412
└── Unavailable                 503
    ├── ItemBusy
    ├── CentralUnavailable
    └── CentralNotConfigured
"""

from __future__ import annotations

from api.errors import ApiError, InvalidInput, NotFound, Unavailable


class InsufficientQuantity(InvalidInput):
    """Fewer are available than were asked for."""

    code = "INSUFFICIENT_QUANTITY"

    def __init__(self, available: int, requested: int) -> None:
        message = f"Insufficient quantity. Available: {available}, requested: {requested}"
        super().__init__(message, available=available, requested=requested)


class SkuNotFound(NotFound):
    """SKU not found"""

    code = "SKU_NOT_FOUND"


class OperationNotFound(NotFound):
    """Operation not found"""

    code = "OPERATION_NOT_FOUND"


class OperationReused(ApiError):
    """The operation_id was used before, for another request."""

    status, code = 409, "OPERATION_ID_REUSED"


class NotDecidable(ApiError):
    """The operation does not wait for a decision."""

    status, code = 409, "NOT_REPEATABLE"


class PreconditionFailed(ApiError):
    """The item has moved since you read it. Read it again."""

    status, code = 412, "PRECONDITION_FAILED"


class ItemBusy(Unavailable):
    """The item is moved by many at once. Try again."""

    code = "ITEM_BUSY"


class CentralUnavailable(Unavailable):
    """The central inventory does not answer; movements wait."""

    code = "CENTRAL_UNAVAILABLE"


class CentralNotConfigured(Unavailable):
    """No central inventory is configured; movements wait."""

    code = "CENTRAL_NOT_CONFIGURED"
