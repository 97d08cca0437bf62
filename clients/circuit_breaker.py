"""A circuit breaker per CardTrader token, shared by every process through Redis.

Five failures in a row, none a minute apart, open it for 60 s; then one probe at a time is let through, and two
good ones close it. The caller records as failures only 5xx answers and network faults.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Final

import structlog
from redis.asyncio import Redis

from clients.errors import CircuitOpen, LimiterUnavailable
from clients.measures import UNMEASURED, ClientMeasures
from clients.redis_script import RedisScript

_MICROS: Final = 1_000_000
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Counts, then seconds; `memory` is how long a failure counts without another."""

    failures: int = 5
    successes: int = 2
    open_time: float = 60.0
    probe_lease: float = 30.0
    memory: float = 60.0

    def arguments(self) -> tuple[int, ...]:
        """What the script takes, times in microseconds."""
        failures, successes, *seconds = astuple(self)
        return failures, successes, *(round(value * _MICROS) for value in seconds)


class CircuitBreaker:
    """Keys are token fingerprints."""

    def __init__(
        self,
        redis: Redis,
        rules: BreakerRules | None = None,
        *,
        name: str = "cardtrader",
        measures: ClientMeasures = UNMEASURED,
    ) -> None:
        self._script = RedisScript(redis, "circuit_breaker.lua", measures=measures)
        self._measures = measures
        self._arguments = (rules or BreakerRules()).arguments()
        self._name = name

    async def check(self, key: str) -> None:
        """Pass, or take the probe's lease when half-open.

        Raises:
            CircuitOpen: come back in `retry_after` seconds.
            LimiterUnavailable: Redis cannot be asked.
        """
        answer = await self._run("check", key)
        self._measures.circuit(self._name, key, -answer / _MICROS)
        if answer < 0:
            raise CircuitOpen(retry_after=-answer / _MICROS)

    async def record(self, key: str, ok: bool) -> None:
        """Count an outcome. Never raises: a request that was made keeps its own outcome."""
        if not ok:
            self._measures.failed(self._name, "unavailable")
        try:
            await self._run("success" if ok else "failure", key)
        except LimiterUnavailable as error:
            _log.warning("breaker.record_lost", reason=str(error))

    async def _run(self, command: str, key: str) -> int:
        return await self._script.run(f"breaker:{self._name}:{key}", command, *self._arguments)
