"""What a whole run amounts to, for the last lines of pytest's output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.scenarios import Scenario


@dataclass
class Report:
    """Counts over all seeds; `slowest` is the longest time from the last repair to the end of its sync.

    `remarks` are lines of tests that play no syncs.
    """

    faults: Counter[str] = field(default_factory=Counter)
    seeds: int = 0
    syncs: int = 0
    violations: dict[int, list[str]] = field(default_factory=dict)
    slowest: float = 0.0
    remarks: list[str] = field(default_factory=list)

    def note(self, story: Scenario, violations: list[str]) -> None:
        """Count a scenario that was played."""
        self.seeds += 1
        if violations:
            self.violations[story.seed] = violations

    def lines(self) -> Iterator[str]:
        """The summary."""
        if self.syncs:
            yield from self._syncs()
        yield from self.remarks

    def _syncs(self) -> Iterator[str]:
        broken = sum(len(found) for found in self.violations.values())
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.faults.most_common())
        yield f"{self.faults.total()} faults injected ({kinds})"
        yield f"{self.seeds} seeds, {self.syncs} syncs, {broken} violations"
        yield f"longest time to converge {self.slowest:.1f} s"
        for seed, found in self.violations.items():
            yield f"seed {seed}: repeat with `make chaos SEED={seed}`"
            yield from (f"    {line}" for line in found)
