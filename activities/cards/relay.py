"""Repeats the pokes that were lost: an account with old pending events is told again, until they are processed.

Safe in every worker at once: a poke may be repeated, and what is pending is read from the inbox alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio.service import RPCError

from db.cards import inbox
from db.session import Database

Poke = Callable[[UUID], Awaitable[None]]

_AGE = timedelta(seconds=3)
_MOST_SELLERS = 500
_log = structlog.get_logger(__name__)


class EventRelay:
    """Looks for forgotten events every `interval` seconds."""

    def __init__(self, database: Database, poke: Poke, *, interval: float = 3.0, age: timedelta = _AGE) -> None:
        self._database, self._poke = database, poke
        self._interval, self._age = interval, age

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look in the background while the block runs."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        """A fault of the database only costs a turn."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.relay()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("relay.failed", reason=type(error).__name__)

    async def relay(self) -> int:
        """One turn: poke every account with old pending events; how many."""
        async with self._database.begin() as connection:
            waiting = await inbox.sellers_waiting(connection, age=self._age, most=_MOST_SELLERS)
        poked = [user_id for user_id in waiting if await self._try(user_id)]
        if waiting:
            _log.info("relay.poked", accounts=len(poked), lost=len(waiting) - len(poked))
        return len(poked)

    async def _try(self, user_id: UUID) -> bool:
        """One account that cannot be told must not keep the others waiting."""
        try:
            await self._poke(user_id)
        except (RPCError, RuntimeError):
            return False
        return True


@asynccontextmanager
async def relaying(database_url: str, poke: Poke) -> AsyncIterator[None]:
    """Relay while the block runs, on a connection of its own."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    try:
        async with EventRelay(database, poke).running():
            yield
    finally:
        await database.close()
