"""The breaker's states against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from clients.circuit_breaker import BreakerRules, CircuitBreaker
from clients.errors import CircuitOpen, LimiterUnavailable
from devstack.ports import free_port
from tests.helpers import eventually

FAST = BreakerRules(open_time=0.15, probe_lease=0.3)


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as connected:
        yield connected


async def _fail(breaker: CircuitBreaker, times: int = 5) -> None:
    for _ in range(times):
        await breaker.record("k", ok=False)


async def _probe(breaker: CircuitBreaker) -> None:
    """Wait until the breaker lets one request through."""

    async def allowed() -> bool:
        try:
            await breaker.check("k")
        except CircuitOpen as error:
            raise AssertionError(error) from None
        return True

    passed: bool = await eventually(allowed)
    assert passed


async def test_five_failures_in_a_row_open_it_for_a_minute(client: Redis) -> None:
    breaker = CircuitBreaker(client)
    await _fail(breaker, 4)
    await breaker.check("k")
    await breaker.record("k", ok=True)
    await _fail(breaker, 4)
    await breaker.check("k")
    await _fail(breaker, 1)
    with pytest.raises(CircuitOpen) as caught:
        await CircuitBreaker(client).check("k")
    assert 59 < caught.value.retry_after <= 60
    await breaker.check("another account")


async def test_half_open_lets_one_probe_through_and_two_successes_close(client: Redis) -> None:
    breaker = CircuitBreaker(client, FAST)
    await _fail(breaker)
    for _ in range(2):
        await _probe(breaker)
        with pytest.raises(CircuitOpen):
            await breaker.check("k")
        await breaker.record("k", ok=True)
    await asyncio.gather(*(breaker.check("k") for _ in range(10)))
    assert not await client.exists("breaker:cardtrader:k")


async def test_a_failed_probe_opens_it_again(client: Redis) -> None:
    breaker = CircuitBreaker(client, FAST)
    await _fail(breaker)
    await _probe(breaker)
    await breaker.record("k", ok=False)
    with pytest.raises(CircuitOpen):
        await breaker.check("k")


async def test_a_probe_that_never_returns_loses_its_lease(client: Redis) -> None:
    breaker = CircuitBreaker(client, FAST)
    await _fail(breaker)
    await _probe(breaker)
    await _probe(breaker)


async def test_late_results_do_not_close_an_open_breaker(client: Redis) -> None:
    breaker = CircuitBreaker(client)
    await _fail(breaker)
    await breaker.record("k", ok=True)
    await breaker.record("k", ok=True)
    with pytest.raises(CircuitOpen):
        await breaker.check("k")


async def test_old_failures_are_forgotten(client: Redis) -> None:
    await _fail(CircuitBreaker(client), 1)
    assert 59_000 < await client.pttl("breaker:cardtrader:k") <= 60_000


async def test_without_redis_checks_fail_closed_and_outcomes_survive() -> None:
    async with Redis.from_url(f"redis://127.0.0.1:{free_port()}/0") as nowhere:
        breaker = CircuitBreaker(nowhere)
        with pytest.raises(LimiterUnavailable):
            await breaker.check("k")
        await breaker.record("k", ok=True)
