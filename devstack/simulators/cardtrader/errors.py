"""CardTrader's error answers, in their several shapes.

AnswerError            an error answer with its own JSON body
`- StandardError       the documented object: error_code, errors, extra.message, request_id
ConnectionDropped      no answer at all: the connection ends
"""

from __future__ import annotations

from uuid import uuid4

import msgspec


class Extra(msgspec.Struct, frozen=True):
    """Carries the message of a standard error."""

    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """CardTrader's standard error object."""

    error_code: str
    errors: list[str] | dict[str, list[str]]
    extra: Extra
    request_id: str


class BareError(msgspec.Struct, frozen=True):
    """The answer of the rate limiter."""

    error: str


class AnswerError(Exception):
    """The request is answered with an error."""

    def __init__(self, status: int, body: msgspec.Struct) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class StandardError(AnswerError):
    """The request is answered with the standard error object."""

    def __init__(self, status: int, code: str, message: str, errors: dict[str, list[str]] | None = None) -> None:
        super().__init__(status, ErrorBody(code, errors or [], Extra(message), str(uuid4())))


class ConnectionDropped(Exception):
    """The connection ends without (the rest of) an answer."""


def unauthorized() -> StandardError:
    """The token is missing or wrong."""
    return StandardError(401, "unauthorized", "You are not authorized to access this page")


def not_found(message: str = "Resource not found") -> StandardError:
    """The resource does not exist, or is somebody else's."""
    return StandardError(404, "not_found", message)


def missing_parameter(name: str) -> StandardError:
    """A required parameter is absent."""
    return StandardError(422, "missing_parameter", f"Missing required parameter(s) {name}")


def invalid(errors: dict[str, list[str]]) -> StandardError:
    """Values are refused; `errors` has the reasons per field."""
    return StandardError(422, "validation_error", "Validation failed", errors)
