"""Processes that all ask one bucket for leave to send, and send, as fast as they may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context

import httpx
from redis.asyncio import Redis

from clients.errors import RateLimited
from clients.token_bucket import Klass, TokenBucket, fingerprint

LIMIT, WINDOW, BURST = 200, 10.0, 3
_CALLERS = 3
_READY, _START = "bench:ready", "bench:start"


@dataclass(frozen=True, slots=True)
class Load:
    """What one process does for so many seconds. The receiver is a CardTrader simulator."""

    redis_url: str
    receiver_url: str
    token: str
    klass: Klass
    seconds: float
    processes: int


@dataclass(frozen=True, slots=True)
class Sent:
    """When one process was let through (seconds of the machine's monotonic clock), and refusals it met."""

    klass: Klass
    moments: list[float]
    refused: int


def run_all(loads: Sequence[Load]) -> list[Sent]:
    """One fresh process per load; they begin together when all are up."""
    with ProcessPoolExecutor(len(loads), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_run, loads))


def _run(load: Load) -> Sent:
    return asyncio.run(_send(load))


async def _send(load: Load) -> Sent:
    headers = {"Authorization": f"Bearer {load.token}"}
    async with Redis.from_url(load.redis_url) as redis, httpx.AsyncClient(headers=headers, timeout=10) as http:
        await _begin_together(redis, load.processes)
        bucket, end = TokenBucket(redis, LIMIT, WINDOW, BURST), time.monotonic() + load.seconds
        parts = await asyncio.gather(*(_call(bucket, http, load, end) for _ in range(_CALLERS)))
    answers = [answer for part in parts for answer in part]
    return Sent(load.klass, [moment for moment, _ in answers], sum(status == 429 for _, status in answers))


async def _call(bucket: TokenBucket, http: httpx.AsyncClient, load: Load, end: float) -> list[tuple[float, int]]:
    answers: list[tuple[float, int]] = []
    while time.monotonic() < end:
        with suppress(RateLimited):
            await bucket.acquire(fingerprint(load.token), load.klass)
            moment = time.monotonic()
            answer = await http.get(f"{load.receiver_url}/api/v2/info")
            answers.append((moment, answer.status_code))
    return answers


async def _begin_together(redis: Redis, processes: int) -> None:
    """The last one to be up lets everybody go."""
    async with redis.pubsub() as subscription:
        await subscription.subscribe(_START)
        if await redis.incr(_READY) == processes:
            await redis.publish(_START, "go")
        async for message in subscription.listen():
            if message["type"] == "message":
                return
