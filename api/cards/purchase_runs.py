"""Purchases as Temporal sees them: started, and waited for as long as a buyer waits.

What is reserved is in the database, so nothing is lost here: the workers' relay starts what could not be started.
The database also tells when a purchase is decided, before its workflow has ended; where it does not, the end does.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from temporalio.client import Client, WorkflowFailureError

from api.errors import TemporalUnavailable
from api.temporal import CALL, temporal_faults
from db.cards.purchases import Purchase
from db.notices import Notices
from workflows.cards.purchasing import start_purchase

_PATIENCE: Final = 10.0
_NOTICED_WITHIN: Final = 1.0


class PurchaseRuns:
    """The workflows of purchases. `ends` notices purchases that were decided."""

    def __init__(self, client: Client, ends: Notices, *, patience: float = _PATIENCE) -> None:
        self._client, self._ends, self._patience = client, ends, patience

    async def ended(self, purchase: Purchase) -> bool:
        """Start or join its workflow, and wait for the end; False when the buyer should not wait any longer."""
        try:
            async with asyncio.timeout(self._patience):
                with temporal_faults(), self._ends.expected(str(purchase.operation_id)) as decided:
                    await self._run(purchase, decided)
        except (TimeoutError, TemporalUnavailable, WorkflowFailureError):
            return False
        return True

    async def _run(self, purchase: Purchase, decided: asyncio.Event) -> None:
        handle = await start_purchase(
            self._client, purchase.user_id, purchase.operation_id, purchase.idempotency_key, timeout=CALL
        )
        if not (self._ends.is_listening and await _within(_NOTICED_WITHIN, decided)):
            await handle.result()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
