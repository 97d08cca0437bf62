"""What the service asks of every marketplace."""

from __future__ import annotations

from typing import Protocol

from clients.token_bucket import Klass
from domain.marketplace.receipts import Result


class Marketplace(Protocol):
    """One marketplace."""

    @property
    def name(self) -> str:
        """As stores are registered with it."""

    async def ask(self, receipt: str, currency: str, klass: Klass) -> Result:
        """What it says of a receipt; a fault of its own is a `Setback`.

        Raises:
            RateLimited, LimiterUnavailable: nothing was sent, because the limit of our account is reached.
        """
