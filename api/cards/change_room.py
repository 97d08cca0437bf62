"""How many changes of one seller may be open at once: a queue that only grows is worked off by nobody.

Counted now and then, and kept count of in between, so that an edit costs no query; several processes may together
let some more pass.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from api.cards.errors import ChangeQueueFull

Count = Callable[[], Awaitable[int]]

_FRESH_SECONDS: Final = 5.0
_MOST_SELLERS: Final = 1_000


@dataclass(slots=True)
class _Seen:
    at: float
    open: int


@dataclass(slots=True)
class ChangeRoom:
    """`most` open changes per seller."""

    most: int = 50_000
    clock: Callable[[], float] = time.monotonic
    _seen: dict[UUID, _Seen] = field(default_factory=dict)

    async def take(self, user_id: UUID, changes: int, count: Count) -> None:
        """Let so many more in; `count` tells how many are open. Raises `ChangeQueueFull`."""
        seen, now = self._seen.get(user_id), self.clock()
        if seen is None or now - seen.at > _FRESH_SECONDS or seen.open + changes > self.most:
            self._forget_old(now)
            seen = self._seen[user_id] = _Seen(now, await count())
        if seen.open + changes > self.most:
            raise ChangeQueueFull(most=self.most)
        seen.open += changes

    def _forget_old(self, now: float) -> None:
        if len(self._seen) >= _MOST_SELLERS:
            self._seen = {user: seen for user, seen in self._seen.items() if now - seen.at <= _FRESH_SECONDS}
