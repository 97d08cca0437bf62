"""Wakes shops' workflows in the background, so that no sale waits for Temporal.

Coalescing: shops named within one pause are poked once. A poke that fails is dropped: what is pending is in the
database, and the workers' relay repeats what was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import structlog
from temporalio.service import RPCError

Poke = Callable[[str], Awaitable[None]]

_AT_ONCE: Final = 16
_log = structlog.get_logger(__name__)


class StoreSignals:
    """`notify` as often as you like."""

    def __init__(self, poke: Poke, *, pause: float = 0.25) -> None:
        self._poke, self._pause = poke, pause
        self._waiting: dict[str, None] = {}
        self._wake = asyncio.Event()

    def notify(self, store_id: str) -> None:
        """Have the shop poked soon; costs nothing."""
        self._waiting[store_id] = None
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StoreSignals]:
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
            for store_id in batch:
                del self._waiting[store_id]
            if self._waiting:
                self._wake.set()
            await asyncio.gather(*(self._try(store_id) for store_id in batch))

    async def _try(self, store_id: str) -> None:
        try:
            await self._poke(store_id)
        except (RPCError, RuntimeError) as error:
            _log.warning("store.poke_lost", reason=type(error).__name__)
