"""What the context's OpenAPI document says of failures: which statuses a route answers, and an example of each."""

from __future__ import annotations

from typing import Any, Final

from api.marketplace.errors import FlatError

_FAILURES: Final[dict[int, tuple[str, dict[str, Any]]]] = {
    400: (
        "The request is not valid",
        {"error": "Validation error", "details": [{"field": "body.receipt", "message": "Field required"}]},
    ),
    401: ("There is no valid token", {"error": "unauthorized", "message": "Missing token"}),
    403: (
        "The token speaks for others",
        {"error": "forbidden", "message": "The token does not speak for this organization."},
    ),
    404: ("There is none, or it is another organisation's", {"error": "Store not found"}),
    409: (
        "The webhook is paused or switched off",
        {"error": "not_active", "message": "The webhook is paused or switched off. Resume it first."},
    ),
    413: (
        "The body is above 2 MiB",
        {"error": "payload_too_large", "message": "The request body is too large."},
    ),
    429: ("Too many requests; see Retry-After", {"error": "rate_limited"}),
    500: ("A fault of ours", {"error": "internal_server_error", "message": "Internal server error"}),
    503: (
        "Something we need does not answer; see Retry-After",
        {"error": "database_unavailable", "message": "The database does not answer. Try again."},
    ),
}
_EVERYWHERE: Final = (500, 503)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: these statuses and those every route can answer."""
    return {status: _response(status) for status in sorted({*statuses, *_EVERYWHERE})}


def _response(status: int) -> dict[str, Any]:
    description, example = _FAILURES[status]
    return {
        "model": FlatError,
        "description": description,
        "content": {"application/json": {"example": example}},
    }
