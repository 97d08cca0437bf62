"""Watches, on a connection of its own, until sampled sales have lowered the stock.

All that wait are looked for by one query every few milliseconds: a query for each would take the processors from what
is measured, the more of them the later it is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg

from bench.errors import WrongResult
from bench.webhook_load import Letter

SAMPLE: Final = 20
_LOOK_SECONDS: Final = 0.005
# Late is a figure; only what has not come long after the last letter is called lost.
_MOST_SECONDS: Final = 300.0
_LOWERED: Final = """
SELECT order_id FROM order_lines WHERE user_id = $1 AND order_id = ANY($2::bigint[]) AND decrement_applied
"""


@dataclass
class Watch:
    """Told of each letter as it leaves, it keeps the seconds until every so-manieth had its effect."""

    database: asyncpg.Connection
    user_id: UUID
    effects: list[float] = field(default_factory=list)
    _sent: dict[int, float] = field(default_factory=dict)
    _told: int = 0

    def __call__(self, letter: Letter) -> None:
        self._told += 1
        if self._told % SAMPLE == 0:
            self._sent[letter.order_id] = time.perf_counter()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look while the block runs, and then until all have come.

        Raises:
            WrongResult: one has not.
        """
        task = asyncio.create_task(self._run())
        try:
            yield
            ended = time.perf_counter()
            while self._sent:
                if time.perf_counter() - ended > _MOST_SECONDS:
                    raise WrongResult(f"the sale of order {min(self._sent)} has not lowered the stock")
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            lowered = await self.database.fetch(_LOWERED, self.user_id, list(self._sent)) if self._sent else ()
            now = time.perf_counter()
            self.effects += [now - self._sent.pop(row["order_id"]) for row in lowered]
            await asyncio.sleep(_LOOK_SECONDS)
