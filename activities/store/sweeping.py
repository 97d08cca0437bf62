"""Wakes every shop, with everything it waits for due and everything to be read; forgets what is long ended.

Idempotent: a shop that is woken twice looks twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from temporalio import activity

from activities.support import beating
from db.session import Database
from db.store import queue
from workflows.store.contracts import StorePage, SweptStores

Poke = Callable[[str], Awaitable[None]]

_PAGE = 100
_PRUNED_AT_ONCE = 5000


class StoreSweep:
    """The activity of the sweep. `kept`: how long ended movements are kept."""

    def __init__(self, database: Database, poke: Poke, *, kept: timedelta) -> None:
        self._database, self._poke, self._kept = database, poke, kept

    @activity.defn
    async def wake_stores(self, page: StorePage) -> SweptStores:
        """One page of shops."""
        async with self._database.begin() as connection:
            found = await queue.stores_after(connection, page.after, _PAGE)
        async with beating() as beat:
            for store_id in found:
                await self._wake(store_id)
                beat.done += 1
        after = found[-1] if found else page.after
        return SweptStores(stores=len(found), after=after, is_last=len(found) < _PAGE)

    async def _wake(self, store_id: str) -> None:
        async with self._database.begin() as connection:
            await queue.hurry(connection, store_id, reading=True)
        while await self._prune(store_id) == _PRUNED_AT_ONCE:
            continue
        await self._poke(store_id)

    async def _prune(self, store_id: str) -> int:
        async with self._database.begin() as connection:
            return await queue.prune(connection, store_id, age=self._kept, most=_PRUNED_AT_ONCE)
