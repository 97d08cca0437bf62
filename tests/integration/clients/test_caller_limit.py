"""The script itself: one limit over all processes, and a window that ends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from clients.caller_limit import CallerLimit
from tests.helpers.waiting import eventually


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_processes_share_the_limit_and_the_window_ends(redis: Redis) -> None:
    processes = [CallerLimit(redis, 0.8) for _ in range(3)]
    waits = [await processes[number % 3].wait("open:203.0.113.9", 60) for number in range(120)]
    assert waits.count(0.0) == 60
    assert max(waits) <= 0.8
    assert await processes[0].wait("open:203.0.113.10", 60) == 0

    async def open_again() -> None:
        assert await processes[1].wait("open:203.0.113.9", 60) == 0

    await eventually(open_again)
    assert 0 < await redis.pttl("callers:open:203.0.113.9") <= 800


async def test_a_redis_that_is_away_lets_each_process_count() -> None:
    async with Redis.from_url("redis://127.0.0.1:1/0") as nowhere:
        limit = CallerLimit(nowhere, 30)
        waits = [await limit.wait("machines:1", 40) for _ in range(50)]
    assert waits[:40] == [0.0] * 40
    assert min(waits[40:]) > 25
