"""Lua scripts kept as package data, run by EVALSHA, failing closed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable
from importlib import resources
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from clients.errors import LimiterUnavailable
from clients.measures import UNMEASURED, ClientMeasures


class RedisScript:
    """One script of this package; it answers an integer. The digest is the name Redis knows it by."""

    def __init__(
        self, redis: Redis, file_name: str, *, timeout: float = 1.0, measures: ClientMeasures = UNMEASURED
    ) -> None:
        self._redis, self._measures = redis, measures
        self._name = file_name.removesuffix(".lua")
        self._source = resources.files("clients").joinpath(file_name).read_text(encoding="utf-8")
        self._digest = hashlib.sha1(self._source.encode(), usedforsecurity=False).hexdigest()
        self._timeout = timeout

    async def run(self, key: str, *arguments: int | str | bytes) -> int:
        """Run atomically on one key.

        Raises:
            LimiterUnavailable: no answer within the timeout, or an error.
        """
        try:
            with self._measures.redis(self._name):
                async with asyncio.timeout(self._timeout):
                    return await self._run(key, arguments)
        except (RedisError, OSError, TimeoutError) as error:
            raise LimiterUnavailable(f"Redis does not answer ({type(error).__name__}).") from None

    async def _run(self, key: str, arguments: tuple[int | str | bytes, ...]) -> int:
        # Not redis-py's Script object: its way to the same command takes a tenth of a grant's time.
        try:
            return await cast("Awaitable[int]", self._redis.evalsha(self._digest, 1, key, *arguments))
        except NoScriptError:
            return await cast("Awaitable[int]", self._redis.eval(self._source, 1, key, *arguments))
