"""What every activity shares: heartbeats that keep beating, and waits translated for Temporal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from clients.errors import Postponed

BEAT_SECONDS = 3.0


@dataclass
class Beat:
    """What the heartbeat reports: a phase and a count, never data."""

    phase: str = ""
    done: int = 0


@asynccontextmanager
async def beating(every: float = BEAT_SECONDS) -> AsyncIterator[Beat]:
    """Heartbeat in the background while the block runs; the caller keeps `Beat` up to date."""
    beat = Beat()

    async def loop() -> None:
        while True:
            # Short work ends before its first beat and costs the server nothing.
            await asyncio.sleep(every)
            activity.heartbeat(beat.phase, beat.done)

    task = asyncio.create_task(loop())
    try:
        yield beat
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@contextmanager
def postponing() -> Iterator[None]:
    """Hand a wait over to Temporal: the slot is free until the limiter or the remote system allows more."""
    try:
        yield
    except Postponed as error:
        raise ApplicationError(
            str(error),
            type=type(error).__name__,
            next_retry_delay=timedelta(seconds=error.retry_after),
            category=ApplicationErrorCategory.BENIGN,
        ) from None
