"""Repeats the pokes that were lost: an account with old pending events or changes is told again, until they are done.

Safe in every worker at once: a poke may be repeated, and what is pending is read from the database alone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.service import RPCError

from activities.support import repeating
from db.cards import change_batches, inbox
from db.session import Database

Poke = Callable[[UUID], Awaitable[None]]

_AGE = timedelta(seconds=3)
# Changes take longer than events: a batch that is worked on needs no poke.
_AGE_OF_CHANGES = timedelta(seconds=10)
# A poke that arrived is never lost again; every other one would only lengthen a busy account's history.
_REST = timedelta(seconds=15)
_MOST_SELLERS = 500
_log = structlog.get_logger(__name__)


class Waiting(Protocol):
    """Sellers for whom something older than `age` waits."""

    async def __call__(self, connection: AsyncConnection, *, age: timedelta, most: int) -> list[UUID]: ...


class EventRelay:
    """Looks for what was forgotten, events unless told otherwise, every `interval` seconds."""

    def __init__(
        self,
        database: Database,
        poke: Poke,
        *,
        interval: float = 3.0,
        age: timedelta = _AGE,
        rest: timedelta = _REST,
        waiting: Waiting = inbox.sellers_waiting,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._poke = database, poke
        self._interval, self._age, self._waiting = interval, age, waiting
        self._rest, self._clock = rest.total_seconds(), clock
        self._poked: dict[UUID, float] = {}

    def running(self) -> AbstractAsyncContextManager[None]:
        """Look in the background while the block runs."""
        return repeating(self.relay, self._interval)

    async def relay(self) -> int:
        """One turn: poke every account with old pending work that was not poked just before; how many."""
        now = self._clock()
        async with self._database.begin() as connection:
            waiting = await self._waiting(connection, age=self._age, most=_MOST_SELLERS)
        self._poked = {user_id: at for user_id, at in self._poked.items() if now - at < self._rest}
        due = [user_id for user_id in waiting if user_id not in self._poked]
        poked = [user_id for user_id in due if await self._try(user_id)]
        self._poked |= dict.fromkeys(poked, now)
        if due:
            _log.info("relay.poked", accounts=len(poked), lost=len(due) - len(poked))
        return len(poked)

    async def _try(self, user_id: UUID) -> bool:
        """One account that cannot be told must not keep the others waiting."""
        try:
            await self._poke(user_id)
        except (RPCError, RuntimeError):
            return False
        return True


def change_relay(
    database: Database, poke: Poke, *, age: timedelta = _AGE_OF_CHANGES, rest: timedelta = _REST
) -> EventRelay:
    """Looks for changes that nobody sends, follows or verifies."""
    return EventRelay(database, poke, age=age, rest=rest, waiting=change_batches.sellers_waiting)


@asynccontextmanager
async def relaying(database_url: str, poke: Poke, poke_changes: Poke | None = None) -> AsyncIterator[None]:
    """Relay while the block runs, on a connection of its own; changes only where they may be sent."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    try:
        async with AsyncExitStack() as relays:
            await relays.enter_async_context(EventRelay(database, poke).running())
            if poke_changes is not None:
                await relays.enter_async_context(change_relay(database, poke_changes).running())
            yield
    finally:
        await database.close()
