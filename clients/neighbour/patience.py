"""How often a request is repeated, and after which waits."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. Waits double, and are cut by up to half at random, so that many who failed together part."""

    tries: int = 3
    first: float = 0.5
    longest: float = 8.0
    chance: Callable[[], float] = random.random

    def wait(self, tried: int, told: float | None = None) -> float | None:
        """After `tried` vain tries; None when it is not tried again here. `told`: the wait that was asked for.

        A wait that is longer than ours is not waited out: whoever called has better to do meanwhile.
        """
        if tried >= self.tries or (told is not None and told > self.longest):
            return None
        if told is not None:
            return told
        return min(self.first * (1 << (tried - 1)), self.longest) * (1 - self.chance() / 2)
