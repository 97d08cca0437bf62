"""The plan of a pass over a shop's queue, and when the next one is due."""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Final, Literal

BATCH: Final = 100
LANES: Final = 5
MOST_REBASES: Final = 5
_SHORT_WAITS: Final = (1, 2, 4, 8, 16, 32)
LONGEST_SHORT_WAIT: Final = _SHORT_WAITS[-1]

Ending = Literal["pushed", "compensated", "asked", "refused", "later", "away", "superseded"]
"""Of one movement in a pass; `away`: central cannot be used at all now."""

_GOES_ON: Final[frozenset[Ending]] = frozenset({"pushed", "compensated"})


@dataclass(frozen=True, slots=True)
class Queued:
    """A movement in the queue."""

    change_id: int
    item_id: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One item's movements of a pass: strictly one after the other."""

    item_id: int
    changes: int


def lanes(queue: Iterable[Queued], blocked: Set[int], most: int = BATCH) -> list[Lane]:
    """The oldest movements by item, items whose turn comes first in front; nothing of an item that is blocked."""
    counts: dict[int, int] = {}
    for queued in sorted(queue, key=lambda one: one.change_id):
        if queued.item_id in blocked:
            continue
        counts[queued.item_id] = counts.get(queued.item_id, 0) + 1
        if sum(counts.values()) == most:
            break
    return [Lane(item_id, changes) for item_id, changes in counts.items()]


def goes_on(ending: Ending) -> bool:
    """Whether the next movement of the same item may follow in this pass."""
    return ending in _GOES_ON


def wait_seconds(failures: int, interval_seconds: int) -> int:
    """Before the next try after so many in a row: 1, 2, 4, ... 32 s, then with the schedule, and over again."""
    place = (failures - 1) % (len(_SHORT_WAITS) + 1)
    return _SHORT_WAITS[place] if failures > 0 and place < len(_SHORT_WAITS) else interval_seconds


@dataclass(frozen=True, slots=True)
class PassCounts:
    """What a pass came to. `attempts` counts requests that were to change something."""

    attempts: int = 0
    pushed: int = 0
    conflicts: int = 0
    failures: int = 0

    def counting(self, ending: Ending) -> PassCounts:
        """With one more movement."""
        return PassCounts(
            self.attempts,
            self.pushed + (ending == "pushed"),
            self.conflicts + (ending in ("compensated", "asked")),
            self.failures + (ending in ("refused", "later", "away")),
        )

    def attempted(self) -> PassCounts:
        """With one more request."""
        return PassCounts(self.attempts + 1, self.pushed, self.conflicts, self.failures)
