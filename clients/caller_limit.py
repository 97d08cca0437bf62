"""How often one caller may call, over all processes: a guard against floods, not a contract with anybody.

A process takes calls out of Redis by the dozen and counts them itself, so that most cost no round trip; what it does
not use is lost with the window. A window begins with the first call, so around its end twice the limit may pass.
While Redis is away every process allows the limit by itself: what must not be lost (webhooks) still comes through,
and a flood is still bounded.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from redis.asyncio import Redis

from clients.errors import LimiterUnavailable
from clients.redis_script import RedisScript

_CALLERS: Final = 10_000
_PARTS: Final = 20
_ANSWER: Final = 10**8
_PATIENCE_SECONDS: Final = 0.25
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Lease:
    """Calls that need not be asked for; when they are used up and it is the `last`, the window is."""

    left: int
    until: float
    last: bool


class CallerLimit:
    """Counts calls by key: what is called, and by whom."""

    def __init__(self, redis: Redis, window: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._script = RedisScript(redis, "caller_limit.lua", timeout=_PATIENCE_SECONDS)
        self._window, self._clock = window, clock
        self._leases: OrderedDict[str, _Lease] = OrderedDict()
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._told = -math.inf

    async def wait(self, key: str, limit: int) -> float:
        """0 when the call may pass; else the seconds until the next may."""
        while True:
            lease = self._leases.get(key)
            now = self._clock()
            if lease is not None and now < lease.until:
                if lease.left > 0:
                    lease.left -= 1
                    return 0.0
                if lease.last:
                    return lease.until - now
            await asyncio.shield(self._one_question(key, limit))

    def _one_question(self, key: str, limit: int) -> asyncio.Task[None]:
        """Of many calls at once, one asks for all."""
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._ask(key, limit))
            self._asking[key].add_done_callback(lambda _: self._asking.pop(key))
        return self._asking[key]

    async def _ask(self, key: str, limit: int) -> None:
        now = self._clock()
        try:
            wanted = max(1, limit // _PARTS)
            answer = await self._script.run(f"callers:{key}", limit, wanted, math.ceil(self._window * 1000))
        except LimiterUnavailable as error:
            self._tell(str(error), now)
            self._keep(key, _Lease(limit, now + self._window, last=True))
        else:
            granted, left = divmod(answer, _ANSWER) if answer > 0 else (0, -answer)
            self._keep(key, _Lease(granted, now + left / 1000, last=not granted))

    def _keep(self, key: str, lease: _Lease) -> None:
        self._leases[key] = lease
        self._leases.move_to_end(key)
        while len(self._leases) > _CALLERS:
            self._leases.popitem(last=False)

    def _tell(self, reason: str, now: float) -> None:
        if now - self._told >= self._window:
            self._told = now
            _log.warning("callers.counted_here_only", reason=reason)
