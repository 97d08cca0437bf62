"""Etsy: receipts are validated one by one under our account's credentials."""

from __future__ import annotations

from clients.marketplace.validating import Validation
from clients.token_bucket import Klass
from domain.marketplace.receipts import Result


class Etsy:
    """The adapter of Etsy."""

    name = "etsy"

    def __init__(self, validation: Validation) -> None:
        self._validation = validation

    async def ask(self, receipt: str, currency: str, klass: Klass) -> Result:
        """As `Marketplace.ask`."""
        return await self._validation.ask(self.name, receipt, currency, klass)
