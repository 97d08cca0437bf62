"""The request limit, shared by every process through one Lua script in Redis.

A grant reserves a slot in time and the caller sleeps until it, so requests leave evenly and never more than
`limit` of them within any closed window. Slots are reserved only a few intervals ahead; whoever comes when
these are taken asks again a little later. Interactive callers use the burst, which bulk work never touches,
so they pass it; bulk work is owed a share (a quarter) of the slots, so they cannot starve it.

A bucket that is new, or was lost with Redis, holds one token, ripe once every slot that the lost one may have
reserved is over. Without Redis nobody passes.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import random
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from clients.errors import LimiterUnavailable, RateLimited
from clients.measures import UNMEASURED, ClientMeasures
from clients.redis_script import RedisScript

Klass = Literal["interactive", "bulk"]
Sleep = Callable[[float], Awaitable[object]]

DEFAULT_PENALTY: Final = 10.0
LONGEST_PENALTY: Final = 60.0
_MICROS: Final = 1_000_000
_TTL_SECONDS: Final = 3600
_STALE_ATTEMPTS: Final = 5
_STATE: Final = ">3Q"  # as token_bucket.lua packs it
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def fingerprint(token: str) -> str:
    """Names a token without revealing it: 128 bits of SHA-256, hex."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Pace:
    """The limit as the script sees it, in microseconds.

    `tolerance` is how late a slot may be used: even with every use that late, no closed window holds more
    than `limit`, because `window + tolerance` is shorter than `limit - burst + 1` intervals.
    """

    interval: int
    burst: int
    tolerance: int

    @classmethod
    def of(cls, limit: int, window: float, burst: int) -> Pace:
        """burst + window x rate = limit; a limit spent wholly on the burst is paced a tenth slower."""
        if not 1 <= burst <= limit:
            raise ValueError("burst must be between 1 and limit")
        spaces = limit - burst
        interval = math.ceil(window * _MICROS / spaces if spaces else window * _MICROS * 1.1)
        return cls(interval, burst, math.floor(interval * (spaces + 1) - window * _MICROS) - 1)

    def packed(self, horizon: int, bulk_every: int) -> bytes:
        """The script's second argument."""
        return struct.pack(">5Q", self.interval, self.burst, horizon, bulk_every, _TTL_SECONDS * _MICROS)


@dataclass(frozen=True, slots=True)
class BucketUse:
    """A bucket as it stands: `granted` grows with every request, and begins anew when an idle hour made it forgotten.

    `wait`: seconds an interactive call would wait now. `at`: the time of the server's clock.
    """

    granted: int
    wait: float
    at: datetime


class TokenBucket:
    """One kind of limit (`name`); a key is one CardTrader token's fingerprint."""

    def __init__(
        self,
        redis: Redis,
        limit: int,
        window: float,
        burst: int,
        *,
        name: str = "general",
        horizon: int = 2,
        bulk_every: int = 4,
        max_sleep: float = 2.0,
        sleep: Sleep = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
        measures: ClientMeasures = UNMEASURED,
    ) -> None:
        self._redis = redis
        self._script, self._measures = RedisScript(redis, "token_bucket.lua", measures=measures), measures
        self.limit, self.window = limit, window
        self._pace = Pace.of(limit, window, burst)
        self._name = name
        self._rules = self._pace.packed(horizon, bulk_every)
        self._max_sleep, self._sleep = max_sleep, sleep
        self._clock, self._jitter = clock, jitter

    @property
    def tolerance(self) -> float:
        """Seconds by which a granted request may still be delayed without breaking the limit."""
        return self._pace.tolerance / _MICROS

    async def acquire(self, key: str, klass: Klass) -> float:
        """Wait for the right to send one request; answers the seconds waited.

        Raises:
            RateLimited: the wait would be, or has become, longer than `max_sleep`.
            LimiterUnavailable: Redis cannot be asked, or answers too late for its grants to be used.
        """
        try:
            waited = await self._acquire(key, klass)
        except (RateLimited, LimiterUnavailable):
            self._measures.refused(self._name, klass)
            raise
        self._measures.passed(self._name, klass, waited)
        return waited

    async def _acquire(self, key: str, klass: Klass) -> float:
        started = self._clock()
        asked = stale = 0
        while stale < _STALE_ATTEMPTS:
            sent = self._clock()
            answer = await self._ask(key, klass)
            wait = abs(answer) / _MICROS
            if answer >= 0:
                await self._rest(wait)
                # A slot used late crowds those behind it: better lost than used.
                if self._clock() - sent - wait <= self.tolerance:
                    return self._clock() - started
                stale += 1
                continue
            asked += 1
            wait += self._back_off(asked)
            if (waited := self._clock() - started) + wait > self._max_sleep:
                raise RateLimited(retry_after=max(wait, waited))
            await self._rest(wait)
        raise LimiterUnavailable("Grants of the limiter arrive too late to be used.")

    async def penalise(self, key: str, retry_after: float | None = None) -> float:
        """Empty the bucket for everybody and block it; answers the seconds, `retry_after` within 0..60.

        Raises:
            LimiterUnavailable: Redis cannot be asked.
        """
        block = DEFAULT_PENALTY if retry_after is None else min(max(retry_after, 0.0), LONGEST_PENALTY)
        await self._ask(key, "penalise", math.ceil(block * _MICROS))
        return block

    async def use(self, key: str) -> BucketUse:
        """How the bucket is used; looks only.

        Raises:
            LimiterUnavailable: Redis cannot be asked.
        """
        try:
            async with self._redis.pipeline(transaction=True) as asked:
                asked.time()
                asked.get(self._key(key))
                (seconds, micros), state = await asked.execute()
        except (RedisError, OSError) as error:
            raise LimiterUnavailable(f"Redis does not answer ({type(error).__name__}).") from None
        at = _EPOCH + timedelta(seconds=seconds, microseconds=micros)
        if state is None:
            return BucketUse(0, 0.0, at)
        tat, _, granted = struct.unpack(_STATE, state.ljust(struct.calcsize(_STATE), b"\0"))
        early = tat - (self._pace.burst - 1) * self._pace.interval
        return BucketUse(granted, max(0, early - seconds * _MICROS - micros) / _MICROS, at)

    async def _ask(self, key: str, command: str, *block: int) -> int:
        return await self._script.run(self._key(key), command, self._rules, *block)

    def _key(self, key: str) -> str:
        return f"bucket:{self._name}:{key}"

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)

    def _back_off(self, asked: int) -> float:
        """Spread those who were told the same moment, the wider the longer the queue has lasted."""
        return self._jitter() * min(asked, 4) * self._pace.interval / _MICROS
