"""Starts a workflow for every event in the outbox, and again for what was forgotten: its own, and replays.

Safe in every worker at once: a start joins the workflow that runs, and one that finds nothing to do ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from temporalio.client import Client
from temporalio.service import RPCError

from activities.support import repeating
from db.marketplace import outbox, replays
from db.marketplace.outbox import Untold
from db.session import Database
from workflows.marketplace.starting import start_callback, start_replay

StartEvent = Callable[[UUID, str], Awaitable[object]]
"""Event, organisation."""
StartReplay = Callable[[UUID, str], Awaitable[object]]
"""Replay, and whom it is for."""

_INTERVAL: Final = 0.5
_AGE: Final = timedelta(minutes=2)
# Longer than any wait between two attempts of its activity.
_AGE_OF_REPLAYS: Final = timedelta(minutes=15)
_MOST: Final = 200
_CALL: Final = timedelta(seconds=5)
_AT_ONCE: Final = 10


class CallbackRelay:
    """Looks at the outbox every so often; and, every twentieth time, for what lies there too long."""

    def __init__(
        self, database: Database, start: StartEvent, start_replay: StartReplay, *, age: timedelta = _AGE
    ) -> None:
        self._database, self._start, self._start_replay, self._age = database, start, start_replay, age
        self._turns = 0

    async def relay(self) -> int:
        """One turn; how many were started."""
        async with self._database.begin() as connection:
            waiting = await outbox.untold(connection, most=_MOST)
            if self._turns % 20 == 0:
                waiting += await outbox.forgotten(connection, age=self._age, most=_MOST)
        started = await self._start_all(waiting)
        if self._turns % 20 == 0:
            await self._resume_replays()
        self._turns += 1
        return started

    async def _start_all(self, waiting: list[Untold]) -> int:
        room = asyncio.Semaphore(_AT_ONCE)

        async def one(event: Untold) -> UUID | None:
            async with room:
                try:
                    await self._start(event.event_id, event.organization_id)
                except (RPCError, RuntimeError):
                    # One that cannot be started must not keep the others waiting.
                    return None
            return event.event_id

        started = [event_id for event_id in await asyncio.gather(*map(one, waiting)) if event_id is not None]
        if started:
            # Noted after the start: a crash in between starts it again, which does no harm.
            async with self._database.begin() as connection:
                await outbox.note_dispatched(connection, started)
        return len(started)

    async def _resume_replays(self) -> None:
        async with self._database.begin() as connection:
            forgotten = await replays.forgotten(connection, age=_AGE_OF_REPLAYS, most=_MOST)
        for replay_id in forgotten:
            try:
                await self._start_replay(replay_id, str(replay_id))
            except (RPCError, RuntimeError):
                continue


@asynccontextmanager
async def relaying_callbacks(
    database_url: str, temporal: Client, *, interval: float = _INTERVAL
) -> AsyncIterator[None]:
    """Relay while the block runs, on a connection of its own."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    start, start_again = (
        partial(start_callback, temporal, timeout=_CALL),
        partial(start_replay, temporal, timeout=_CALL),
    )
    try:
        async with repeating(CallbackRelay(database, start, start_again).relay, interval):
            yield
    finally:
        await database.close()
