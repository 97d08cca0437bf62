"""The rows of `bridge_cold` and `bridge_delta`, and their verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bench.floor import middle
from bench.peer import Form
from bench.phases import PhaseUse, Profile
from bench.rows import Origin, Row
from bench.usage import CpuSeconds

_MILLION: Final = 1_000_000
_MOST_RATIO: Final = 3.0
_LEVEL: Final = 1.1
_DELTA_SECONDS: Final = 10.0
_SHOWN: Final = ("workers", "postgres", "apismith", "schedulehub", "temporal", "api")


@dataclass
class Measured:
    """Seconds; dlt's by the form of its input, empty where it could not be had. `cpu`: of each batch by process;
    `peers`: what dlt's loads beside it used, its own process among what is not ours."""

    floor: list[float] = field(default_factory=list)
    cold: float = 0.0
    delta: float = 0.0
    incremental: float = 0.0
    dlt_cold: dict[Form, float] = field(default_factory=dict)
    dlt_delta: dict[Form, float] = field(default_factory=dict)
    peak_rss_mib: float = 0.0
    cpu: dict[str, CpuSeconds] = field(default_factory=dict)

    peers: dict[str, list[PhaseUse]] = field(default_factory=dict)

    def profile(self, name: str, rows: int, seconds: float, origin: Origin) -> Profile:
        """Of one batch, whose pages are fetched and processed side by side; and what dlt used for the same rows."""
        batch = PhaseUse(phase="batch", seconds=seconds, cpu_seconds=self.cpu.get(name, {}))
        phases = [batch, *self.peers.get(name, [])]
        return Profile(name=name, n=rows, origin=origin, seconds=seconds, phases=phases, floor_seconds=self.floor)


def cold_row(rows: int, measured: Measured, without: str, origin: Origin) -> Row:
    """All new, against the floor; dlt in the note."""
    floor, peers = middle(measured.floor), measured.dlt_cold
    ratio = round(measured.cold / floor, 3)
    beside = bool(peers) and measured.cold < peers["dicts"] and measured.cold <= _LEVEL * peers["arrow"]
    listed = ", ".join(f"{seconds:.2f}" for seconds in measured.floor)
    return Row(
        name="bridge_cold",
        n=rows,
        value=round(measured.cold, 3),
        unit="s",
        floor=floor,
        ratio=ratio,
        target="<= 3 x; ahead of dlt on dicts, level with it on Arrow",
        met=False if ratio > _MOST_RATIO or (peers and not beside) else beside or None,
        peak_rss_mib=measured.peak_rss_mib,
        note=f"rows; {_beside(peers, without)}; contents equal by digest; floor {listed} s; "
        f"{used(measured.cpu.get('bridge_cold', {}))}",
        **origin.model_dump(),
    )


def delta_row(rows: int, measured: Measured, without: str, origin: Origin) -> Row:
    """One in a hundred changed: a full pass, against the promise and dlt's second merge."""
    peers = measured.dlt_delta
    ahead = bool(peers) and measured.delta < min(peers.values())
    is_slow = measured.delta > _DELTA_SECONDS * rows / _MILLION or (peers and not ahead)
    return Row(
        name="bridge_delta",
        n=rows,
        value=round(measured.delta, 3),
        unit="s",
        target="<= 10 s per million, ahead of dlt's second merge",
        met=False if is_slow else ahead or None if rows >= _MILLION else None,
        peak_rss_mib=measured.peak_rss_mib,
        note=f"rows, all of them fetched and compared; {_beside(peers, without)}; contents equal by digest; "
        f"an incremental fetch of another percent {measured.incremental:.2f} s; "
        f"{used(measured.cpu.get('bridge_delta', {}))}",
        **origin.model_dump(),
    )


def used(cpu: CpuSeconds) -> str:
    """Who used the processors; on a busy machine this tells more than the clock."""
    ours = sum(seconds for name, seconds in cpu.items() if not name.startswith("machine"))
    other = max(0.0, cpu.get("machine busy", ours) - ours)
    shown = {**{name: cpu.get(name, 0.0) for name in _SHOWN}, "not ours": other}
    return "CPU s: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in shown.items())


def _beside(peers: Mapping[Form, float], without: str) -> str:
    if not peers:
        return f"no peer ({without})"
    return ", ".join(f"dlt on {form} {seconds:.2f} s" for form, seconds in peers.items())
