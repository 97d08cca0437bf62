"""What a seed tells: the stock, who does what, how bad the network is. Pure, so that a seed always tells the same."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Final

from devstack.simulators.cardtrader.knobs import Knobs
from tests.chaos.interleavings.hands import HAND_ACTIONS
from tests.chaos.interleavings.keeper import BULK_ACTIONS, BULK_STOCK, KEEPER_ACTIONS
from tests.chaos.interleavings.schedule import Pace

SITE_ACTIONS: Final[dict[str, int]] = {
    "sell": 10,
    "sell_last": 4,
    "sell_zero": 5,
    "merge": 3,
    "cancel": 4,
    "advance": 3,
    "destroy_order": 1,
}
UNTOLD_ACTIONS: Final[dict[str, int]] = {"edit": 3, "take_off": 1}
"""Done by the seller on CardTrader's site: no webhook tells of them."""


@dataclass(frozen=True)
class Post:
    """What happens to webhooks; probabilities."""

    dropped: float = 0.0
    repeated: float = 0.0
    forged: float = 0.0
    unsaid: float = 0.0
    """How often the poke after a webhook gets lost."""


@dataclass(frozen=True)
class Network:
    """What happens to requests to CardTrader; probabilities, and how often at most."""

    lost: float = 0.0
    refused: float = 0.0
    failing: float = 0.0
    most: int = 0


@dataclass(frozen=True)
class Story:
    """One interleaving to be. `losses`: something happens that only a whole sync can repair.

    `hurried`: lost answers are judged at once, however late webhooks are.
    """

    seed: int
    products: int = 12
    blueprints: int = 3
    knobs: Knobs = field(default_factory=Knobs)
    pace: Pace = field(default_factory=Pace)
    post: Post = field(default_factory=Post)
    network: Network = field(default_factory=Network)
    chunk_size: int = 4
    window: int = 2
    site: tuple[str, ...] = ()
    hands: tuple[tuple[str, ...], ...] = ()
    keeper: tuple[str, ...] = ()
    hurried: bool = False
    syncs: int = 1

    @property
    def losses(self) -> bool:
        """Whether news may never arrive; a linked account starts with a sync."""
        return bool(self.post.dropped) or bool(set(self.site) & set(UNTOLD_ACTIONS)) or "disconnect" in self.keeper


def story(seed: int) -> Story:
    """The story of a seed: in half of them the seller does more than sell and sync."""
    plain, rng = plain_story(seed), random.Random(f"keeper {seed}")
    if rng.random() < 0.5:
        return replace(plain, hurried=rng.random() < 0.5)
    actions = KEEPER_ACTIONS
    if rng.random() < 0.15:
        plain = replace(plain, products=rng.randint(BULK_STOCK, BULK_STOCK + 6))
        actions = KEEPER_ACTIONS | BULK_ACTIONS
    return replace(plain, keeper=tuple(rng.choices(list(actions), list(actions.values()), k=rng.randint(1, 3))))


def plain_story(seed: int) -> Story:
    """A seller who only syncs and sells."""
    rng = random.Random(seed)
    honest = rng.random() < 0.5
    actions = SITE_ACTIONS if honest else SITE_ACTIONS | UNTOLD_ACTIONS
    return Story(
        seed,
        products=rng.randint(5, 10),
        blueprints=rng.randint(2, 4),
        knobs=knobs(rng),
        pace=_pace(rng),
        post=_post(rng, honest=honest),
        network=_network(rng),
        chunk_size=rng.choice((3, 4, 20)),
        window=rng.choice((1, 2, 3)),
        site=tuple(rng.choices(list(actions), list(actions.values()), k=rng.randint(2, 6))),
        hands=_hands(rng),
        syncs=rng.choice((1, 1, 1, 2)),
    )


def knobs(rng: random.Random) -> Knobs:
    """A CardTrader that behaves as it may; its limits are judged elsewhere."""
    return Knobs(
        enforce_limits=False,
        rows_per_copy=rng.random() < 0.4,
        relist="new_id" if rng.random() < 0.5 else "same_id",
        destroy_data="null" if rng.random() < 0.3 else "empty",
        job_pending=0,
        job_running=0,
    )


def _hands(rng: random.Random) -> tuple[tuple[str, ...], ...]:
    """What each of some persons does, one after the other."""
    persons = rng.choice((0, 1, 2))
    actions, weights = list(HAND_ACTIONS), list(HAND_ACTIONS.values())
    return tuple(tuple(rng.choices(actions, weights, k=rng.randint(1, 3))) for _ in range(persons))


def _pace(rng: random.Random) -> Pace:
    return Pace(
        sticky=rng.choice((0.0, 0.5, 0.9)),
        deaths=rng.choice((0, 1, 2, 4)),
        death=rng.choice((0.01, 0.04)),
        weights=rng.choice(((1.0,), (1.0, 0.2, 0.03))),
    )


def _post(rng: random.Random, *, honest: bool) -> Post:
    return Post(
        dropped=0.0 if honest else 0.2,
        repeated=rng.choice((0.0, 0.3)),
        forged=rng.choice((0.0, 0.1)),
        unsaid=rng.choice((0.0, 0.0, 0.3)),
    )


def _network(rng: random.Random) -> Network:
    if rng.random() < 0.4:
        return Network()
    return Network(lost=rng.choice((0.05, 0.2)), refused=0.03, failing=0.05, most=4)
