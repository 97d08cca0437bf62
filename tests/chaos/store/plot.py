"""What one seed plays: how many move what, how bad the network is, who dies."""

from __future__ import annotations

import random
from dataclasses import dataclass

from devstack.simulators.central.knobs import Knobs
from domain.store.vocabulary import Strategy
from tests.chaos.interleavings.schedule import Pace
from tests.chaos.interleavings.story import Network


@dataclass(frozen=True)
class Plot:
    """One seed's."""

    seed: int
    quantities: tuple[int, ...]
    strategy: Strategy
    movers: tuple[int, ...]
    elsewhere: int
    forgotten: int
    people: int
    unsaid: float
    network: Network
    pace: Pace
    knobs: Knobs
    passes_per_run: int


def plot(seed: int) -> Plot:
    """Drawn from the seed."""
    rng = random.Random(seed)
    calm = rng.random() < 0.2
    return Plot(
        seed=seed,
        quantities=tuple(rng.randint(0, 12) for _ in range(rng.randint(1, 3))),
        strategy="manual" if rng.random() < 0.25 else "rebase",
        movers=tuple(rng.randint(1, 6) for _ in range(rng.randint(1, 3))),
        elsewhere=rng.randint(0, 8),
        forgotten=rng.randint(0, 2),
        people=rng.randint(0, 3),
        unsaid=rng.choice((0.0, 0.2, 0.6)),
        network=Network() if calm else Network(lost=0.12, refused=0.08, failing=0.08, most=rng.randint(1, 12)),
        pace=Pace(
            sticky=rng.choice((0.0, 0.3, 0.8)),
            deaths=0 if calm else rng.randint(0, 4),
            weights=rng.choice(((1.0,), (1.0, 8.0), (0.2, 1.0, 5.0))),
        ),
        knobs=Knobs(
            tell_quantity=rng.random() < 0.7,
            tell_state=rng.random() < 0.7,
            too_little_status=rng.choice((400, 409, 422)),
        ),
        passes_per_run=rng.choice((1, 3, 200)),
    )
