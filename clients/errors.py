"""Errors shared by all clients. The class name is the type on the Temporal wire.

    ClientError
    ├── RateLimited           may go on in `retry_after` seconds
    ├── LimiterUnavailable    Redis is down: nobody may go on
    └── CircuitOpen           the remote system is failing; may go on in `retry_after` seconds

Messages hold no URL, token or upstream text.
"""

from __future__ import annotations

import inspect


class ClientError(Exception):
    """A remote system could not be used."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.getdoc(type(self)))


class Postponed(ClientError):
    """The request has to wait."""

    def __init__(self, message: str = "", *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Postponed):
    """The request limit is reached."""


class CircuitOpen(Postponed):
    """The remote system fails repeatedly and is left alone for a while."""


class LimiterUnavailable(ClientError):
    """The shared limiter cannot be asked, so no request is allowed."""
