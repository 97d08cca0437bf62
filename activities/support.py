"""What every activity shares: heartbeats that keep beating, waits translated for Temporal, work done ahead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from clients.errors import Postponed

BEAT_SECONDS = 3.0
_log = structlog.get_logger(__name__)

T = TypeVar("T")
Activities = list[Callable[..., Any]]
"""What one task queue's worker runs."""


@dataclass
class Beat:
    """What the heartbeat reports: a phase and a count, never data."""

    phase: str = ""
    done: int = 0


@asynccontextmanager
async def beating(every: float = BEAT_SECONDS) -> AsyncIterator[Beat]:
    """Heartbeat in the background while the block runs; the caller keeps `Beat` up to date. Local ones have none."""
    beat = Beat()
    if activity.info().is_local:
        yield beat
        return

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


@asynccontextmanager
async def repeating(turn: Callable[[], Awaitable[object]], every: float) -> AsyncIterator[None]:
    """Take a turn every so many seconds while the block runs; whatever goes wrong only costs a turn."""

    async def loop() -> None:
        while True:
            await asyncio.sleep(every)
            try:
                await turn()
            except Exception as error:
                # A relay that ended at a fault nobody thought of would leave work lying, without a word.
                unforeseen = not isinstance(error, SQLAlchemyError | OSError)
                _log.warning("turn.failed", turn=turn.__qualname__, reason=type(error).__name__, exc_info=unforeseen)

    task = asyncio.create_task(loop())
    try:
        yield
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


async def ahead(take: Callable[[], list[T]]) -> AsyncIterator[list[T]]:
    """Batches from a thread until one is empty; the next is made while the caller works on the last."""
    upcoming = asyncio.create_task(asyncio.to_thread(take))
    try:
        while batch := await upcoming:
            upcoming = asyncio.create_task(asyncio.to_thread(take))
            yield batch
    finally:
        # The thread itself cannot be stopped: it ends with its batch, which nobody takes.
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
