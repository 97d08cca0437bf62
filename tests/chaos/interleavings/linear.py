"""Linearizability of one item's history: a register that is added to and taken from, never below zero.

An operation took effect at some moment between its beginning and its end. The history is explained when the operations
can be put in an order that respects these moments, in which every copy that was taken was there, up to what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    """An operation that succeeded; `change` copies. Moments may be of any kind that can be ordered."""

    begun: float
    ended: float
    change: int


def linearizable(start: int, history: Sequence[Done], left: int) -> bool:
    """Whether some order explains it (Wing and Gong's search; small histories)."""
    if start + sum(done.change for done in history) != left:
        return False
    return _explained(start, frozenset(range(len(history))), history, set())


def _explained(copies: int, rest: frozenset[int], history: Sequence[Done], seen: set[frozenset[int]]) -> bool:
    # What is left follows from which were done: an order that failed once fails again.
    if not rest or rest in seen:
        return not rest
    seen.add(rest)
    first_end = min(history[number].ended for number in rest)
    return any(
        history[number].begun <= first_end
        and copies + history[number].change >= 0
        and _explained(copies + history[number].change, rest - {number}, history, seen)
        for number in sorted(rest)
    )
