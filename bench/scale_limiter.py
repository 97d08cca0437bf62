"""The token bucket of clients/token_bucket.lua, transcribed, under seeded load: what calls wait, and who is served.

The clock is a number here, so an hour takes a moment. tests/unit/bench/test_scale.py holds it against the limit and
against what `make bench ONLY=bucket` measured of the script itself.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from typing import Final

from bench.scale_model import Frozen
from clients.token_bucket import Klass, Pace

HORIZON: Final = 2
BULK_EVERY: Final = 4
_MICROS: Final = 1_000_000


@dataclass
class Bucket:
    """One token's bucket; microseconds, as in the script."""

    pace: Pace
    tat: int = 0
    bulk_due: int = 0

    def ask(self, now: int, klass: Klass) -> int:
        """The wait until the reserved slot, or, negated, the wait before asking again."""
        interval = self.pace.interval
        ahead, share = HORIZON * interval, BULK_EVERY * interval
        early = max(now, self.tat - (self.pace.burst - 1) * interval)
        if klass == "interactive":
            return self._grant(now, early) if early <= now + ahead else -(early - now - ahead)
        if self.tat <= now + ahead:
            self.bulk_due = now + share
            return self._grant(now, max(now, self.tat))
        owed = max(self.bulk_due, early - ahead - interval)
        if owed <= now:
            self.bulk_due = max(self.bulk_due, now - 4 * share) + share
            return self._grant(now, early)
        return -min(self.tat - now - ahead, owed - now)

    def _grant(self, now: int, slot: int) -> int:
        self.tat = max(self.tat, now) + self.pace.interval
        return slot - now


class Waits(Frozen):
    """What became of the calls of some seconds: how busy the bucket was, what calls waited, what was served."""

    requests_per_second: float
    utilisation: float
    served: int
    p50_seconds: float
    p99_seconds: float
    most_in_window: int
    bulk_share: float


@dataclass
class _Seen:
    slots: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    bulk: int = 0


def simulate(
    seconds: int,
    interactive: float,
    bulk: float,
    *,
    seed: int,
    limit: int = 200,
    window: float = 10.0,
    burst: int = 3,
    callers: int | None = None,
) -> Waits:
    """Calls of both classes arrive at random at these rates; each asks until it is granted a slot.

    With `callers` nobody arrives: so many of each class ask at once, and again as soon as they are served.
    """
    rng, bucket = random.Random(seed), Bucket(Pace.of(limit, window, burst))
    asks = _arrivals(rng, seconds, interactive, bulk) if callers is None else _flood(callers)
    heapq.heapify(asks)
    seen, end = _Seen(), seconds * _MICROS
    while asks and asks[0][0] < end:
        now, born, number, klass = heapq.heappop(asks)
        wait = bucket.ask(now, klass)
        if wait < 0:
            heapq.heappush(asks, (now - wait, born, number, klass))
            continue
        seen.slots.append(now + wait)
        seen.waits.append((now + wait - born) / _MICROS)
        seen.bulk += klass == "bulk"
        if callers is not None:
            heapq.heappush(asks, (now + wait + 1, now + wait + 1, number, klass))
    return _told(seen, seconds, interactive + bulk, _MICROS / bucket.pace.interval, round(window * _MICROS))


_Ask = tuple[int, int, int, Klass]


def _arrivals(rng: random.Random, seconds: int, interactive: float, bulk: float) -> list[_Ask]:
    asks: list[_Ask] = []
    kinds: tuple[tuple[Klass, float], ...] = (("interactive", interactive), ("bulk", bulk))
    for klass, rate in kinds:
        at = rng.expovariate(rate) if rate else seconds
        while at < seconds:
            asks.append((round(at * _MICROS), round(at * _MICROS), len(asks), klass))
            at += rng.expovariate(rate)
    return asks


def _flood(callers: int) -> list[_Ask]:
    classes: tuple[Klass, ...] = ("interactive", "bulk")
    return [(0, 0, number, classes[number % 2]) for number in range(2 * callers)]


def _told(seen: _Seen, seconds: int, rate: float, capacity: float, window: int) -> Waits:
    waits, slots = sorted(seen.waits), sorted(seen.slots)
    return Waits(
        requests_per_second=rate or len(slots) / seconds,
        utilisation=round((rate or len(slots) / seconds) / capacity, 4),
        served=len(slots),
        p50_seconds=round(_quantile(waits, 0.5), 4),
        p99_seconds=round(_quantile(waits, 0.99), 4),
        most_in_window=most_within(slots, window),
        bulk_share=round(seen.bulk / max(1, len(slots)), 3),
    )


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def most_within(ordered: list[int], window: int) -> int:
    """The most instants that any closed window holds."""
    most = first = 0
    for number, at in enumerate(ordered):
        while at - ordered[first] > window:
            first += 1
        most = max(most, number - first + 1)
    return most
