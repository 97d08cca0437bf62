"""Is there one order of concurrent purchases and sales of an item that explains every answer? (Wing and Gong)

The register holds copies: `add` always succeeds, `take` succeeds if, and only if, there are enough. An operation
takes effect somewhere between its call and its answer; one without an answer may have taken effect or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import Literal


@dataclass(frozen=True, slots=True)
class Op:
    """One operation of a history, by seconds of one clock; `ok` None: no answer, so it may take effect at any time."""

    kind: Literal["take", "add"]
    copies: int
    called: float
    answered: float
    ok: bool | None = True


def is_linearizable(start: int, history: Sequence[Op], *, cautious: bool = False) -> bool:
    """`cautious`: a take may also be refused where there were enough; it must never succeed where there were not."""
    ops = tuple(history)

    @cache
    def explains(left: frozenset[int], copies: int) -> bool:
        if all(ops[number].ok is None for number in left):
            return True
        first_answer = min((ops[number].answered for number in left if ops[number].ok is not None), default=inf)
        callable_now = (number for number in left if ops[number].called <= first_answer)
        return any(
            explains(left - {number}, then)
            for number in _most_urgent(ops, callable_now)
            for then in _effects(ops[number], copies, cautious)
        )

    return explains(frozenset(range(len(ops))), start)


def _most_urgent(ops: Sequence[Op], numbers: Iterable[int]) -> list[int]:
    """One of each kind: of operations alike, the one that is answered first may as well be first."""
    urgent: dict[tuple[str, int, bool | None], int] = {}
    for number in sorted(numbers, key=lambda number: ops[number].answered):
        urgent.setdefault((ops[number].kind, ops[number].copies, ops[number].ok), number)
    return list(urgent.values())


def _effects(op: Op, copies: int, cautious: bool) -> list[int]:
    """What the register may hold after the operation took effect now; none if its answer cannot be explained."""
    if op.kind == "add":
        return [copies + op.copies] if op.ok is not False else []
    enough = copies >= op.copies
    if op.ok is False:
        return [copies] if cautious or not enough else []
    return [copies - op.copies] if enough else []
