"""One central inventory: its books, its tokens, its faults."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Final

from .books import Books
from .faults import Faults
from .knobs import Knobs

SERVICE_NAME: Final = "inventory-service"
SERVICE_SECRET: Final = "simulated-central"  # noqa: S105 - opens nothing but a simulator


class Central:
    """One central inventory: books, tokens, faults."""

    def __init__(
        self,
        books: Books | None = None,
        knobs: Knobs | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        secret: str = SERVICE_SECRET,
    ) -> None:
        self.books, self.knobs, self.faults = books or Books(), knobs or Knobs(), Faults()
        self.requests = 0
        self.token_requests = 0
        self._clock, self._secret = clock, secret
        self._tokens: dict[str, float] = {}

    def token(self, name: str, secret: str) -> str | None:
        """A new token."""
        self.token_requests += 1
        if name != SERVICE_NAME or not secrets.compare_digest(secret, self._secret):
            return None
        text = secrets.token_urlsafe(24)
        self._tokens[text] = self._clock() + self.knobs.token_seconds
        return text

    def accepts(self, authorization: str) -> bool:
        """Whether a token is one of ours and alive."""
        return self._tokens.get(authorization.removeprefix("Bearer "), 0.0) > self._clock()

    def forget_tokens(self) -> None:
        """All tokens are void."""
        self._tokens.clear()
