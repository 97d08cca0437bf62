"""Where a sync spent its time: seconds and CPU seconds per phase, so that a missed target is explained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from bench.rows import Origin

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
