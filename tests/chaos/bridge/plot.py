"""What goes wrong while the bridge synchronises, drawn from a seed: pure, so that a seed always tells the same story.

In every round a worker and perhaps a server die in the middle of batches, the ERP changes, and both neighbours are ill.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Server = Literal["postgres", "temporal"]
Target = Literal["worker-1", "worker-2", "postgres", "temporal"]
Fault = dict[str, str | int | float]

SERVERS: Final[tuple[Server, ...]] = ("postgres", "temporal")
WORKERS: Final[tuple[Target, ...]] = ("worker-1", "worker-2")
TABLES: Final = ("sites", "items", "orders", "order_lines")
_SERVER_DIES: Final = 0.7
_ERP_IS_ILL: Final = 0.5
OF_BOTH: Final[tuple[Fault, ...]] = (
    {"kind": "status", "status": 429, "retry_after": 1},
    {"kind": "status", "status": 503},
    {"kind": "page"},
    {"kind": "garbage"},
    {"kind": "dropped"},
    {"kind": "lost_answer"},
    {"kind": "latency", "seconds": 3},
)
OF_ERP: Final[tuple[Fault, ...]] = (
    {"kind": "signed_out"},
    {"kind": "short_page", "rows": 2},
    {"kind": "repeated_row"},
    {"kind": "rows_added", "rows": 3},
    {"kind": "wrong_total", "rows": 5},
)
OF_HUB: Final[tuple[Fault, ...]] = (
    {"kind": "signed_out"},
    {"kind": "lost_answer"},
    {"kind": "refused_rows", "status": 422},
    {"kind": "refused_rows", "status": 409},
)
_OF_REQUESTS: Final = {"status", "page", "garbage", "dropped", "lost_answer", "latency", "signed_out"}


@dataclass(frozen=True)
class Strike:
    """kill -9, when the neighbours have been called so often since the round began; back after `down` seconds."""

    target: Target
    after: int
    down: float


@dataclass(frozen=True)
class Round:
    """One sync of every entity, all at once. `moves`: rows of each table that change, come and (lines) go meanwhile,
    after so many calls."""

    strikes: tuple[Strike, ...]
    of_erp: tuple[Fault, ...]
    of_hub: tuple[Fault, ...]
    moves: int
    moved_after: int


@dataclass(frozen=True)
class Plot:
    """One seed's."""

    seed: int
    page_size: int
    rounds: tuple[Round, ...]


def plot(seed: int) -> Plot:
    """Drawn from the seed."""
    rng = random.Random(seed)
    # Every second seed is a short story: the one of `make test` is.
    return Plot(seed, rng.choice((50, 100)), tuple(_round(rng) for _ in range(1 + seed % 2)))


def _round(rng: random.Random) -> Round:
    strikes = [_strike(rng, rng.choice(WORKERS))]
    if rng.random() < _SERVER_DIES:
        strikes.append(_strike(rng, rng.choice(SERVERS)))
    # Each kind of request fault strikes one of the two, and each has one or two of its own.
    sides = [rng.random() < _ERP_IS_ILL for _ in OF_BOTH]
    erp = [fault for fault, of_erp in zip(OF_BOTH, sides, strict=True) if of_erp]
    hub = [fault for fault, of_erp in zip(OF_BOTH, sides, strict=True) if not of_erp]
    return Round(
        strikes=tuple(strikes),
        of_erp=_drawn(rng, [*erp, *rng.sample(OF_ERP, rng.randint(1, 2))], "runtime"),
        of_hub=_drawn(rng, [*hub, *rng.sample(OF_HUB, rng.randint(1, 2))], "batch/(insert|update|delete)"),
        moves=rng.randint(1, 9),
        moved_after=rng.randint(1, 20),
    )


def _strike(rng: random.Random, target: Target) -> Strike:
    return Strike(target, rng.randint(2, 16), round(rng.uniform(0.2, 2), 2))


def _drawn(rng: random.Random, faults: Sequence[Fault], path: str) -> tuple[Fault, ...]:
    """With how often and when each strikes; faults of rows go by the table, whichever it is."""
    return tuple(
        {
            **fault,
            "path": path if fault["kind"] in _OF_REQUESTS else "",
            "count": rng.randint(1, 2),
            "skip": rng.randint(0, 6),
        }
        for fault in faults
    )
