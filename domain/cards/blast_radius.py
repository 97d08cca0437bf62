"""Whether outgoing changes do so much at once that a person has to approve them first (spec: cards.md, "Blast radius").

Deletions and zeroed listings above max(3, 10 %) of the listings on sale, or prices moved by more than half on more
than max(3, 5 %) of them. The small numbers let a seller with five cards delete one. What was let through within the
last hour counts with what waits, so that a stock is not emptied drop by drop; what a person approved does not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

WINDOW: Final = timedelta(hours=1)
FEW: Final = 3
_REMOVED_SHARE: Final = 10
_REPRICED_SHARE: Final = 20

# CardTrader's general limit, and what a change costs under it (reference: cardtrader.md part 3).
_REQUESTS_PER_SECOND: Final = 20
_SINGLY: Final = 20
_PER_CALL: Final = 500
_POLLS_PER_JOB: Final = 2
_BLUEPRINTS_SINGLY: Final = 60


@dataclass(frozen=True, slots=True)
class Blast:
    """Listings that would go (deleted, or left without copies), and listings whose price moves by more than half."""

    removed: int
    repriced: int

    @property
    def enough_on_sale(self) -> int:
        """With so many listings on sale it is no more than usual."""
        removed = self.removed * _REMOVED_SHARE if self.removed > FEW else 0
        repriced = self.repriced * _REPRICED_SHARE if self.repriced > FEW else 0
        return max(removed, repriced)

    def exceeds(self, on_sale: int) -> bool:
        """`on_sale`: listings on sale before; those that would go, included."""
        return on_sale < self.enough_on_sale


@dataclass(frozen=True, slots=True)
class Cost:
    """What changes need of CardTrader: requests, and the seconds they take under its limit at best."""

    requests: int
    seconds: int


def cost(*, creates: int, updates: int, deletes: int, blueprints: int) -> Cost:
    """Estimate for so many changes of listings of so many blueprints, the re-read that verifies them included."""
    reads = blueprints if blueprints <= _BLUEPRINTS_SINGLY else 1
    changes = creates + updates + deletes
    if changes <= _SINGLY:
        return _at_the_limit(changes + reads, 0)
    calls = sum(math.ceil(count / _PER_CALL) for count in (creates, updates, deletes))
    return _at_the_limit(calls * (1 + _POLLS_PER_JOB) + reads, calls * _POLLS_PER_JOB)


def _at_the_limit(requests: int, polls: int) -> Cost:
    # Jobs are asked for once a second.
    return Cost(requests, max(math.ceil(requests / _REQUESTS_PER_SECOND), polls))
