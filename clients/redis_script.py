"""Lua scripts kept as package data, run by EVALSHA, failing closed."""

from __future__ import annotations

import asyncio
from importlib import resources

from redis.asyncio import Redis
from redis.exceptions import RedisError

from clients.errors import LimiterUnavailable


class RedisScript:
    """One script of this package; it answers a list of integers."""

    def __init__(self, redis: Redis, file_name: str, *, timeout: float = 1.0) -> None:
        source = resources.files("clients").joinpath(file_name).read_text(encoding="utf-8")
        self._script = redis.register_script(source)
        self._timeout = timeout

    async def run(self, key: str, *arguments: int | str | bytes) -> list[int]:
        """Run atomically on one key.

        Raises:
            LimiterUnavailable: no answer within the timeout, or an error.
        """
        try:
            async with asyncio.timeout(self._timeout):
                answer: list[int] = await self._script(keys=[key], args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            raise LimiterUnavailable(f"Redis does not answer ({type(error).__name__}).") from None
        return answer
