"""What one grant costs: our bucket, `limits` (moving window) and `throttled-py` (GCRA) on one Redis, in turns.

Protocol: one process, one caller, redis-py under all three, a limit so wide that nobody ever waits; rounds of
`_CALLS` grants each in shuffled order, so that the machine's noise falls on all alike. The median counts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from statistics import median
from typing import Final

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from throttled.asyncio import RateLimiterType, RedisStore, Throttled, per_duration

from bench.bucket_load import BURST
from clients.token_bucket import TokenBucket

ROUNDS: Final = 60
_CALLS: Final = 200
# One grant in 15 microseconds; that this is rounded up leaves our bucket a tolerance of half a second.
_WIDE: Final = 700_000
_WINDOW: Final = 10
_KEY: Final = "bench:latency"
_SEED: Final = 1

Grant = Callable[[], Awaitable[bool]]


async def latencies(redis_url: str) -> dict[str, float]:
    """Median microseconds of a grant, by contender."""
    async with AsyncExitStack() as stack:
        contenders = await _contenders(redis_url, stack)
        for grant in contenders.values():
            await _round(grant)
        return await _in_turns(contenders)


async def _contenders(redis_url: str, stack: AsyncExitStack) -> Mapping[str, Grant]:
    redis = await stack.enter_async_context(Redis.from_url(redis_url))
    bucket = TokenBucket(redis, _WIDE + BURST, _WINDOW, BURST)
    moving = MovingWindowRateLimiter(RedisStorage(f"async+{redis_url}", implementation="redispy"))
    item = RateLimitItemPerSecond(_WIDE, _WINDOW)
    quota = per_duration(timedelta(seconds=_WINDOW), _WIDE)
    throttled = Throttled(key=_KEY, using=RateLimiterType.GCRA.value, quota=quota, store=RedisStore(server=redis_url))

    async def ours() -> bool:
        return await bucket.acquire(_KEY, "interactive") >= 0

    async def limits() -> bool:
        return bool(await moving.hit(item, _KEY))

    async def throttled_py() -> bool:
        return not (await throttled.limit()).limited

    return {"ours": ours, "limits": limits, "throttled-py": throttled_py}


async def _in_turns(contenders: Mapping[str, Grant]) -> dict[str, float]:
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    order, shuffle = list(contenders), random.Random(_SEED).shuffle
    for _ in range(ROUNDS):
        shuffle(order)
        for name in order:
            samples[name] += await _round(contenders[name])
    return {name: round(median(taken) * 1e6, 1) for name, taken in samples.items()}


async def _round(grant: Grant) -> list[float]:
    taken = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        granted = await grant()
        taken.append(time.perf_counter() - began)
        if not granted:
            raise AssertionError("a limit that should be wide refused")
    return taken
