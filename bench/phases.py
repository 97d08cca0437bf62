"""Where a sync spent its time: seconds and CPU seconds per phase, so that a missed target is explained."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from bench.rows import Origin
from bench.usage import Meter, difference

PHASES: Final = ("staging", "applying", "finishing")
_SHOWN: Final = ("workers", "postgres", "temporal", "simulator")
_MACHINE: Final = "machine "


class PhaseUse(BaseModel):
    """One phase. `cpu_seconds` by process group; `machine ...` is everything that runs on it."""

    phase: str
    seconds: float
    cpu_seconds: Mapping[str, float]


class Profile(BaseModel):
    """The phases of one measured sync; `floor_seconds` are the repetitions of its floor."""

    name: str
    n: int
    origin: Origin
    seconds: float
    phases: list[PhaseUse]
    floor_seconds: list[float] = []

    def save(self, directory: Path) -> None:
        """Write `profile-<name>-<n>.json`."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"profile-{self.name}-{self.n}.json").write_text(self.model_dump_json(indent=2) + "\n")


@contextmanager
def used(meter: Meter, phase: str) -> Iterator[list[PhaseUse]]:
    """Filled, when the block ends, with what it used."""
    uses: list[PhaseUse] = []
    began, before = time.perf_counter(), meter.cpu()
    yield uses
    seconds = round(time.perf_counter() - began, 2)
    uses.append(PhaseUse(phase=phase, seconds=seconds, cpu_seconds=difference(meter.cpu(), before)))


def save_uses(name: str, n: int, origin: Origin, uses: Sequence[PhaseUse], directory: Path) -> None:
    """The profile of a benchmark that is no sync."""
    seconds = round(sum(use.seconds for use in uses), 2)
    Profile(name=name, n=n, origin=origin, seconds=seconds, phases=[*uses]).save(directory)


def each(use: PhaseUse, count: float) -> str:
    """CPU milliseconds of one of `count` by process, and what others took meanwhile."""
    known = {name: seconds for name, seconds in use.cpu_seconds.items() if not name.startswith(_MACHINE)}
    shown = (f"{name} {seconds * 1000 / count:.2f}" for name, seconds in known.items() if seconds >= count / 100_000)
    return f"; CPU ms each, {use.phase}: {', '.join(shown)}, not ours {foreign_cpu(use) * 1000 / count:.2f}"


def summary(phases: list[PhaseUse]) -> str:
    """One line: seconds of each phase, and who used the processors."""
    spent = ", ".join(f"{phase.phase} {phase.seconds:.1f} s" for phase in phases)
    used = {name: sum(phase.cpu_seconds.get(name, 0.0) for phase in phases) for name in _SHOWN}
    used["not ours"] = sum(map(foreign_cpu, phases))
    return f"{spent}; CPU s: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in used.items())


def foreign_cpu(phase: PhaseUse) -> float:
    """CPU seconds that other programs of the machine took away."""
    ours = sum(seconds for name, seconds in phase.cpu_seconds.items() if not name.startswith(_MACHINE))
    return max(0.0, phase.cpu_seconds.get("machine busy", ours) - ours)
