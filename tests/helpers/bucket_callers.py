"""Processes that ask one bucket as fast as they may, and tell when they were let through."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context

from redis.asyncio import Redis

from clients.errors import RateLimited
from clients.token_bucket import Klass, TokenBucket
from tests.helpers.waiting import eventually

_READY = "callers:ready"
_START = "callers:start"


@dataclass(frozen=True)
class Load:
    """What one process does, for so many seconds from the common start."""

    redis_url: str
    klass: Klass
    callers: int
    seconds: float
    limit: int
    window: float
    burst: int


def run(load: Load) -> list[float]:
    """The moments at which the process was let through, by the clock all processes of a machine share."""
    return asyncio.run(_run(load))


def start(loads: Sequence[Load]) -> tuple[ProcessPoolExecutor, list[Future[list[float]]]]:
    """One fresh process per load; they begin at `release`."""
    pool = ProcessPoolExecutor(len(loads), mp_context=get_context("spawn"))
    return pool, [pool.submit(run, load) for load in loads]


async def release(redis: Redis, processes: int) -> None:
    """Let the processes begin, once all of them are up."""
    await _poll(redis, _READY, str(processes))
    await redis.set(_START, "go")


async def _poll(redis: Redis, key: str, expected: str) -> None:
    async def reached() -> bool:
        assert await redis.get(key) == expected.encode()
        return True

    seen: bool = await eventually(reached, deadline=60)
    assert seen


async def _run(load: Load) -> list[float]:
    async with Redis.from_url(load.redis_url) as redis:
        bucket = TokenBucket(redis, load.limit, load.window, load.burst)
        await redis.incr(_READY)
        await _poll(redis, _START, "go")
        end = time.monotonic() + load.seconds
        taken = await asyncio.gather(*(_ask(bucket, load.klass, end) for _ in range(load.callers)))
    return [moment for moments in taken for moment in moments]


async def _ask(bucket: TokenBucket, klass: Klass, end: float) -> list[float]:
    moments: list[float] = []
    while time.monotonic() < end:
        with suppress(RateLimited):
            await bucket.acquire("account", klass)
            moments.append(time.monotonic())
    return moments
