"""What goes wrong in a run, drawn from a seed: pure, so that a seed always tells the same story.

A scenario is two syncs of one seller, a first one and a later one. Each meets one to three troubles.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final, Literal

Target = Literal["worker-bulk-1", "worker-bulk-2", "worker-other", "api", "postgres", "temporal", "valkey"]
TARGETS: Final[tuple[Target, ...]] = (
    "worker-bulk-1",
    "worker-bulk-2",
    "worker-other",
    "api",
    "postgres",
    "temporal",
    "valkey",
)
Trouble = Literal["throttled", "failing", "page", "cut", "dropped", "stalling", "change", "rival"]
TROUBLES: Final[tuple[Trouble, ...]] = (
    "throttled",
    "failing",
    "page",
    "cut",
    "dropped",
    "stalling",
    "change",
    "rival",
)
_REJECTED_AFTER: Final = 3
_LONGEST_DOWN: Final = 4.0


@dataclass(frozen=True)
class Strike:
    """kill -9 of one process, back after `down` seconds; Redis comes back empty.

    It comes `lag` seconds after `at`, the share of the chunks that are applied.
    """

    target: Target
    at: float
    lag: float
    down: float


@dataclass(frozen=True)
class Upset:
    """A fault of CardTrader, as its control API takes it."""

    kind: str
    options: tuple[tuple[str, object], ...]

    @property
    def cuts(self) -> int:
        """How many downloads it cuts."""
        return int(str(dict(self.options)["count"])) if self.kind == "truncated" else 0


@dataclass(frozen=True)
class Round:
    """One sync and what it meets: `change` seeds a change of the stock before it, `rival` is when another start
    is tried (a share of the chunks), `pace` slows the download (bytes per second).
    """

    strikes: tuple[Strike, ...] = ()
    upsets: tuple[Upset, ...] = ()
    change: int | None = None
    rival: float | None = None
    pace: int | None = None

    @property
    def may_be_rejected(self) -> bool:
        """Whether every download that is tried may be cut."""
        return sum(upset.cuts for upset in self.upsets) >= _REJECTED_AFTER

    @property
    def faults(self) -> int:
        """How many troubles it has."""
        return len(self.strikes) + len(self.upsets) + (self.change is not None) + (self.rival is not None)


@dataclass(frozen=True)
class Scenario:
    """Everything that happens, and the stock it happens to."""

    seed: int
    rounds: tuple[Round, ...] = field(default=())


def scenario(seed: int) -> Scenario:
    """The story of a seed; 0 is told by hand."""
    if seed == 0:
        return Scenario(0, (_forgotten_limit(),))
    rng = random.Random(seed)
    return Scenario(seed, (_round(rng, first=True), _round(rng, first=False)))


def _round(rng: random.Random, *, first: bool) -> Round:
    kinds = _kinds(rng, first=first)
    strikes = [_strike(rng, target) for target in TARGETS if target in kinds]
    return Round(
        strikes=tuple(sorted(strikes, key=lambda strike: strike.at)),
        upsets=tuple(_upset(rng, trouble) for trouble in TROUBLES if trouble in kinds and trouble in _UPSETS),
        change=rng.randrange(10**6) if "change" in kinds else None,
        rival=rng.random() if "rival" in kinds else None,
        pace=rng.choice((None, None, 60_000, 150_000)),
    )


def _kinds(rng: random.Random, *, first: bool) -> set[str]:
    """One to three different troubles, most of them deaths; a change needs something to change."""
    others: list[str] = [trouble for trouble in TROUBLES if not (first and trouble == "change")]
    return {rng.choice(TARGETS) if rng.random() < 0.6 else rng.choice(others) for _ in range(rng.randint(1, 3))}


def _strike(rng: random.Random, target: Target) -> Strike:
    at = rng.choice((0.0, rng.random(), rng.random(), 0.99))
    return Strike(
        target, min(round(at, 2), 0.99), round(rng.uniform(0, 0.4), 3), round(rng.uniform(0.2, _LONGEST_DOWN), 2)
    )


def _forgotten_limit() -> Round:
    """Redis is lost again and again while a sync, one export per expansion, is at the request limit (L5)."""
    stalling = Upset(*_UPSETS["stalling"])
    return Round(tuple(Strike("valkey", 0.0, lag, 0.2) for lag in (14.0, 18.0, 22.0, 26.0)), (stalling,))


_EXPORT: Final = ("path", "products/export")
_UPSETS: Final[dict[str, tuple[str, tuple[tuple[str, object], ...]]]] = {
    "throttled": ("too_many", (_EXPORT, ("retry_after", 1))),
    "failing": ("status", (_EXPORT, ("status", 503), ("body", "text"))),
    "page": ("status", (_EXPORT, ("status", 502), ("body", "html"))),
    "cut": ("truncated", ()),
    "dropped": ("drop_request", (_EXPORT,)),
    "stalling": ("slow", (("path", "^/?products/export$"), ("at_byte", 1_000), ("seconds", 4), ("count", 3))),
}


def _upset(rng: random.Random, trouble: Trouble) -> Upset:
    kind, options = _UPSETS[trouble]
    drawn: dict[str, object] = {"count": rng.randint(1, 2)}
    if trouble == "cut":
        drawn = {"count": rng.randint(1, 3), "clean": rng.random() < 0.5, "at_byte": rng.randrange(1, 200_000)}
    return Upset(kind, tuple({**drawn, **dict(options)}.items()))
