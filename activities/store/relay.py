"""Repeats the pokes that were lost: a shop with something due that nobody takes up is told again, until it is through.

Safe in every worker at once: a poke may be repeated, and what is due is read from the database alone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog
from temporalio.service import RPCError

from activities.support import repeating
from db.session import Database
from db.store import queue

Poke = Callable[[str], Awaitable[None]]

_INTERVAL: Final = 3.0
_AGE: Final = timedelta(seconds=3)
# A poke that arrived is never lost again; every other one would only lengthen a busy shop's history.
_REST: Final = timedelta(seconds=15)
_MOST: Final = 500
_log = structlog.get_logger(__name__)


class StoreRelay:
    """Pokes shops whose due work is older than `age`, unless they were poked within `rest`."""

    def __init__(
        self,
        database: Database,
        poke: Poke,
        *,
        age: timedelta = _AGE,
        rest: timedelta = _REST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._poke, self._age = database, poke, age
        self._rest, self._clock = rest.total_seconds(), clock
        self._poked: dict[str, float] = {}

    async def relay(self) -> int:
        """One turn; how many could be told."""
        now = self._clock()
        async with self._database.begin() as connection:
            waiting = await queue.stores_waiting(connection, age=self._age, most=_MOST)
        self._poked = {store_id: at for store_id, at in self._poked.items() if now - at < self._rest}
        due = [store_id for store_id in waiting if store_id not in self._poked]
        poked = [store_id for store_id in due if await self._try(store_id)]
        self._poked |= dict.fromkeys(poked, now)
        if due:
            _log.info("store_relay.poked", stores=len(poked), lost=len(due) - len(poked))
        return len(poked)

    async def _try(self, store_id: str) -> bool:
        """One that cannot be told must not keep the others waiting."""
        try:
            await self._poke(store_id)
        except (RPCError, RuntimeError):
            return False
        return True


@asynccontextmanager
async def relaying_stores(database_url: str, poke: Poke) -> AsyncIterator[None]:
    """Relay while the block runs, on a connection of its own."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    try:
        async with repeating(StoreRelay(database, poke).relay, _INTERVAL):
            yield
    finally:
        await database.close()
