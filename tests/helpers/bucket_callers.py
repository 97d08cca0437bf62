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


@dataclass(frozen=True)
class Load:
    """What one process does. `CLOCK_MONOTONIC` is one clock for all processes of a machine."""

    redis_url: str
    klass: Klass
    callers: int
    begin: float
    end: float
    limit: int
    window: float
    burst: int


def run(load: Load) -> list[float]:
    """The moments at which the process was let through."""
    return asyncio.run(_run(load))


def start(loads: Sequence[Load]) -> tuple[ProcessPoolExecutor, list[Future[list[float]]]]:
    """One fresh process per load."""
    pool = ProcessPoolExecutor(len(loads), mp_context=get_context("spawn"))
    return pool, [pool.submit(run, load) for load in loads]


async def _run(load: Load) -> list[float]:
    async with Redis.from_url(load.redis_url) as redis:
        bucket = TokenBucket(redis, load.limit, load.window, load.burst)
        await asyncio.sleep(max(0.0, load.begin - time.monotonic()))
        taken = await asyncio.gather(*(_ask(bucket, load) for _ in range(load.callers)))
    return [moment for moments in taken for moment in moments]


async def _ask(bucket: TokenBucket, load: Load) -> list[float]:
    moments: list[float] = []
    while time.monotonic() < load.end:
        with suppress(RateLimited):
            await bucket.acquire("account", load.klass)
            moments.append(time.monotonic())
    return moments
