"""The rate limiter, and beside it the book of arrivals that judges whether callers kept the limits (law L5).

The book counts every authorised request whether or not it was refused; a window [t, t + width) is half-open and may
begin anywhere, so it is enough to look at those that begin with an arrival.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from .knobs import Knobs

RequestClass: TypeAlias = Literal["general", "jobs", "marketplace"]
CLASSES: Final[tuple[RequestClass, ...]] = ("general", "jobs", "marketplace")


def fingerprint(token: str) -> str:
    """What stands for a token in reports: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def classes_of(method: str, path: str) -> tuple[RequestClass, ...]:
    """The limits a request falls under; `path` is relative to the API base."""
    if method == "GET" and path.startswith("/jobs/"):
        return ("general", "jobs")
    if method == "GET" and path == "/marketplace/products":
        return ("general", "marketplace")
    return ("general",)


def window_counts(arrivals: NDArray[np.float64], width: float) -> NDArray[np.intp]:
    """For each arrival the number of arrivals in the half-open window that begins with it. Input is sorted."""
    return np.searchsorted(arrivals, arrivals + width, side="left") - np.arange(len(arrivals))


class ClassReport(msgspec.Struct, frozen=True):
    """One token's use of one limit."""

    requests: int
    max_in_any_window: int
    windows_over_limit: int
    refused_429: int
    limit: int
    window_seconds: float


class TokenReport(ClassReport, frozen=True):
    """One token's use of the general limit, and of the special ones."""

    classes: dict[RequestClass, ClassReport]


@dataclass(slots=True)
class _Book:
    arrivals: array[float] = field(default_factory=lambda: array("d"))
    accepted: deque[float] = field(default_factory=deque)
    refused: int = 0


class Limiter:
    """Counts, judges and (if the knobs say so) refuses requests. `monotonic` gives seconds."""

    def __init__(self, knobs: Callable[[], Knobs], monotonic: Callable[[], float]) -> None:
        self._knobs = knobs
        self._monotonic = monotonic
        self._books: dict[tuple[str, RequestClass], _Book] = defaultdict(_Book)

    def admit(self, token: str, classes: tuple[RequestClass, ...]) -> str | None:
        """Book one request; the text of the refusal, or None where it is let through."""
        now, knobs = self._monotonic(), self._knobs()
        books = {name: self._books[fingerprint(token), name] for name in classes}
        for book in books.values():
            book.arrivals.append(now)
        refusing = [name for name, book in books.items() if knobs.enforce_limits and self._is_full(book, name, now)]
        for name, book in books.items():
            if not refusing or knobs.count_refused:
                book.accepted.append(now)
            book.refused += name in refusing
        return _refusal(*_limit(knobs, refusing[-1])) if refusing else None

    def _is_full(self, book: _Book, name: RequestClass, now: float) -> bool:
        limit, width = _limit(self._knobs(), name)
        oldest = now - width if self._knobs().window_kind == "rolling" else now // width * width
        is_rolling = self._knobs().window_kind == "rolling"
        while book.accepted and (book.accepted[0] <= oldest if is_rolling else book.accepted[0] < oldest):
            book.accepted.popleft()
        return len(book.accepted) >= limit

    def report(self) -> dict[str, TokenReport]:
        """What each token did, by fingerprint."""
        tokens = sorted({token for token, _ in self._books})
        return {token: self._token_report(token) for token in tokens}

    def arrivals(self, token_fingerprint: str, name: RequestClass) -> list[float]:
        """Arrival times of one token, seconds of the monotonic clock."""
        return list(self._books[token_fingerprint, name].arrivals)

    def reset(self) -> None:
        """Forget everything."""
        self._books.clear()

    def _token_report(self, token: str) -> TokenReport:
        reports = {name: self._report(name, self._books[token, name]) for name in CLASSES}
        return TokenReport(**msgspec.structs.asdict(reports["general"]), classes=reports)

    def _report(self, name: RequestClass, book: _Book) -> ClassReport:
        limit, width = _limit(self._knobs(), name)
        counts = window_counts(np.array(book.arrivals), width)
        highest = int(counts.max()) if len(counts) else 0
        return ClassReport(len(counts), highest, int((counts > limit).sum()), book.refused, limit, width)


def _limit(knobs: Knobs, name: RequestClass) -> tuple[int, float]:
    match name:
        case "jobs":
            return knobs.jobs_limit, knobs.jobs_window
        case "marketplace":
            return knobs.marketplace_limit, knobs.marketplace_window
        case _:
            return knobs.general_limit, knobs.general_window


def _refusal(limit: int, width: float) -> str:
    requests = "request" if limit == 1 else "requests"
    period = "second" if width == 1 else f"{width:g} seconds"
    return f"Too many requests: max {limit} {requests} per {period}"
