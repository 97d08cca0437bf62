"""Time and ids of a market, injectable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Clock:
    """Wall clock and monotonic clock (seconds)."""

    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

    def now(self) -> str:
        """CardTrader's spelling of the present: ISO 8601, UTC, milliseconds."""
        return self.wall().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@dataclass(frozen=True, slots=True)
class Ids:
    """Sources of new ids. Created products lie above 2^31, so that clients need 64 bits."""

    product: Iterator[int]
    order: Iterator[int]
    item: Iterator[int]
    unique: Callable[[], str] = field(default=lambda: str(uuid4()))


def new_ids(offset: int = 0) -> Ids:
    """Ids from the usual ranges on; a restarted simulator passes a larger offset, so that it repeats none."""
    return Ids(count(3_000_000_000 + offset), count(39_000_000 + offset), count(111_000_000 + offset))
