"""An answer that is kept for a few seconds: whoever asks how often, what is behind it is asked once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_SECONDS: Final = 5.0


class Recent(Generic[T]):
    """Callers at the same time wait for one and the same question."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._kept: tuple[float, T] | None = None

    async def get(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What is kept, or the answer of `ask`; an error is not kept."""
        async with self._turn:
            if self._kept is None or self._clock() - self._kept[0] >= _SECONDS:
                answer = await ask()
                self._kept = self._clock(), answer
            return self._kept[1]

    def forget(self) -> None:
        """Ask anew at the next call."""
        self._kept = None
