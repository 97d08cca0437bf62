"""Wakes account workflows in the background, so that nobody waits for Temporal to be told what is committed.

Coalescing: accounts named within one pause are poked once for each matter. A poke that fails is dropped: what is
pending is in the database, and the workers' relay repeats what was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

import structlog
from temporalio.service import RPCError

from workflows.cards.poking import Matter

Poke = Callable[[UUID, Matter], Awaitable[None]]

_AT_ONCE: Final = 16
_log = structlog.get_logger(__name__)


class AccountSignals:
    """`notify` as often as you like."""

    def __init__(self, poke: Poke, *, pause: float = 0.25) -> None:
        self._poke, self._pause = poke, pause
        self._waiting: dict[tuple[UUID, Matter], None] = {}
        self._wake = asyncio.Event()

    def notify(self, user_id: UUID, matter: Matter = "events") -> None:
        """Have the account poked soon; costs nothing."""
        self._waiting[user_id, matter] = None
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[AccountSignals]:
        """Poke in the background while the block runs."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._pause)
            self._wake.clear()
            batch = list(self._waiting)[:_AT_ONCE]
            for named in batch:
                del self._waiting[named]
            if self._waiting:
                self._wake.set()
            await asyncio.gather(*(self._try(*named) for named in batch))

    async def _try(self, user_id: UUID, matter: Matter) -> None:
        try:
            await self._poke(user_id, matter)
        except (RPCError, RuntimeError) as error:
            _log.warning("account.poke_lost", reason=type(error).__name__)
