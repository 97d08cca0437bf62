"""Takes up purchases whose workflow was never started, or was ended from outside: what is reserved gets decided.

Safe in every worker at once: a start joins the workflow that runs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from temporalio.service import RPCError

from activities.support import repeating
from db.cards import purchases
from db.cards.purchases import Unfinished
from db.session import Database

Start = Callable[[UUID, UUID, str], Awaitable[object]]
"""Seller, operation, idempotency key."""

_INTERVAL: Final = 5.0
_AGE: Final = timedelta(seconds=5)
_MOST: Final = 200


class PurchaseRelay:
    """Starts the workflows of purchases that have been open for longer than `age`."""

    def __init__(self, database: Database, start: Start, *, age: timedelta = _AGE) -> None:
        self._database, self._start, self._age = database, start, age

    async def relay(self) -> int:
        """One turn; how many could be started."""
        async with self._database.begin() as connection:
            waiting = await purchases.unfinished(connection, age=self._age, most=_MOST)
        return sum([await self._try(purchase) for purchase in waiting])

    async def _try(self, purchase: Unfinished) -> bool:
        """One that cannot be started must not keep the others waiting."""
        try:
            await self._start(purchase.user_id, purchase.operation_id, purchase.idempotency_key)
        except (RPCError, RuntimeError):
            return False
        return True


@asynccontextmanager
async def relaying_purchases(database_url: str, start: Start) -> AsyncIterator[None]:
    """Relay while the block runs, on a connection of its own."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    try:
        async with repeating(PurchaseRelay(database, start).relay, _INTERVAL):
            yield
    finally:
        await database.close()
