"""Purchases as Temporal sees them: started, and waited for as long as a buyer waits.

What is reserved is in the database, so nothing is lost here: the workers' relay starts what could not be started.
"""

from __future__ import annotations

import asyncio
from typing import Final

from temporalio.client import Client, WorkflowFailureError

from api.errors import TemporalUnavailable
from api.temporal import CALL, temporal_faults
from db.cards.purchases import Purchase
from workflows.cards.purchasing import start_purchase

_PATIENCE: Final = 10.0


class PurchaseRuns:
    """The workflows of purchases."""

    def __init__(self, client: Client, *, patience: float = _PATIENCE) -> None:
        self._client, self._patience = client, patience

    async def ended(self, purchase: Purchase) -> bool:
        """Start or join its workflow, and wait for the end; False when the buyer should not wait any longer."""
        try:
            async with asyncio.timeout(self._patience):
                with temporal_faults():
                    await self._run(purchase)
        except (TimeoutError, TemporalUnavailable, WorkflowFailureError):
            return False
        return True

    async def _run(self, purchase: Purchase) -> None:
        handle = await start_purchase(
            self._client, purchase.user_id, purchase.operation_id, purchase.idempotency_key, timeout=CALL
        )
        await handle.result()
