"""Wakes workflows in the background, so that nobody waits for Temporal to be told what is committed.

Coalescing: who is named several times within one pause is poked once. A poke that fails is dropped: what is pending is
in the database, and the workers' relay repeats what was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from typing import Final, Generic, Self, TypeVar

import structlog
from temporalio.service import RPCError

K = TypeVar("K", bound=Hashable)

_AT_ONCE: Final = 16
_log = structlog.get_logger(__name__)


class Signals(Generic[K]):
    """Pokes for everybody who was named by `name`; a context adds its own words for that."""

    def __init__(self, poke: Callable[[K], Awaitable[None]], *, pause: float = 0.25) -> None:
        self._poke, self._pause = poke, pause
        self._waiting: dict[K, None] = {}
        self._wake = asyncio.Event()

    def name(self, who: K) -> None:
        """Have this one poked soon; costs nothing."""
        self._waiting[who] = None
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
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
            for who in batch:
                del self._waiting[who]
            if self._waiting:
                self._wake.set()
            await asyncio.gather(*map(self._try, batch))

    async def _try(self, who: K) -> None:
        try:
            await self._poke(who)
        except Exception as error:
            # Whatever it is: the task that pokes all others must not end at it.
            unforeseen = not isinstance(error, RPCError | RuntimeError)
            _log.warning("poke.lost", signals=type(self).__name__, reason=type(error).__name__, exc_info=unforeseen)
