"""What all interleavings of a run amount to, for the last lines of pytest's output."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.interleavings.play import Outcome

_TRACED = 60


@dataclass
class Tally:
    """Counts over all seeds."""

    seeds: int = 0
    steps: int = 0
    faults: int = 0
    operations: int = 0
    slowest: float = 0.0
    broken: list[Outcome] = field(default_factory=list)

    def note(self, outcome: Outcome) -> None:
        """Count a seed."""
        self.seeds += 1
        self.steps += outcome.steps
        self.faults += outcome.faults
        self.operations += outcome.operations
        self.slowest = max(self.slowest, outcome.seconds_to_rest)
        if outcome.violations:
            self.broken.append(outcome)

    def lines(self) -> Iterator[str]:
        """The summary."""
        violations = sum(len(outcome.violations) for outcome in self.broken)
        yield f"{self.seeds} seeds, {self.steps} steps, {self.operations} operations, {self.faults} faults injected"
        yield f"{violations} violations; longest time to converge {self.slowest:.1f} s"
        for outcome in self.broken:
            yield from described(outcome)


def described(outcome: Outcome) -> Iterator[str]:
    """What a seed broke, and how it came to that."""
    yield f"seed {outcome.story.seed}: repeat with `make chaos SEED={outcome.story.seed}`"
    yield from (f"    {violation}" for violation in outcome.violations)


def told(outcome: Outcome) -> str:
    """All of it, for a failing test."""
    return "\n".join([*described(outcome), str(outcome.story), *outcome.trace[-_TRACED:]])
