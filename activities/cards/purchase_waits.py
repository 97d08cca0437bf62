"""Why a purchase has to wait, and for how long at most.

    Postponed
    ├── AwaitingTurn    another purchase of the product is not decided yet
    ├── WritesStopped   the operator has stopped every change at CardTrader
    └── Unsettled       it is too early to tell what a lost answer meant

Raised for Temporal, which tries again when the wait is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from clients.errors import Postponed


class AwaitingTurn(Postponed):
    """Another purchase of the same product is not decided yet."""


class WritesStopped(Postponed):
    """Changes at CardTrader are switched off at the moment."""


class Unsettled(Postponed):
    """It is too early to tell what a lost answer of CardTrader meant."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`asking`: how long an undecided purchase is worth an attempt. `settling`: how long after a request without an
    answer its effect, or the webhook of a sale beside it, may still come.
    """

    asking: timedelta = timedelta(minutes=10)
    settling: timedelta = timedelta(seconds=5)
