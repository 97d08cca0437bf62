"""What processes used: CPU seconds and peak memory, read from the operating system."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from devstack.service import RunningService
from devstack.stack import DevStack

_PEAK: Final = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_SERVERS: Final = ("postgres", "temporal", "valkey", "mariadb")

CpuSeconds = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads the processes of one running service; `groups` are root process ids by name."""

    groups: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, stack: DevStack, service: RunningService) -> Meter:
        """Our processes and the servers below them, the workers as one group."""
        files = {name: stack.run_dir / f"{name}.pid" for name in _SERVERS}
        servers = {name: (int(file.read_text()),) for name, file in files.items() if file.exists()}
        ours = {name: process.pid for name, process in service.processes.items()}
        workers = tuple(pid for name, pid in ours.items() if name.startswith("worker"))
        others = {name: (pid,) for name, pid in ours.items() if pid not in workers}
        return cls({"workers": workers, **others, **servers})

    def cpu(self) -> CpuSeconds:
        """CPU seconds so far by group, and of the whole machine: busy, waiting for disks, stolen by its host."""
        machine = psutil.cpu_times()
        idle = machine.idle + machine.iowait + machine.steal
        whole = {"machine busy": sum(machine[:8]) - idle, "machine iowait": machine.iowait}
        whole["machine steal"] = machine.steal
        used = {name: sum(map(_tree_cpu, pids)) for name, pids in self.groups.items()}
        return used | {"bench": time.process_time()} | whole

    def peak_worker_mib(self) -> float:
        """Peak resident memory of the worker process that needed most, since it was started."""
        return max(peak_mib(pid) for root in self.groups["workers"] for pid in _tree(root))


def difference(after: CpuSeconds, before: CpuSeconds) -> dict[str, float]:
    """CPU seconds between two readings."""
    return {name: round(seconds - before.get(name, 0.0), 2) for name, seconds in after.items()}


def parse_peak_mib(status: str) -> float:
    """VmHWM of a /proc/<pid>/status text, in MiB; 0 for a process that has ended."""
    found = _PEAK.search(status)
    return round(int(found[1]) / 1024, 1) if found else 0.0


def peak_mib(pid: int) -> float:
    """Peak resident memory of one process."""
    return parse_peak_mib(Path(f"/proc/{pid}/status").read_text())


def _tree(root: int) -> Iterable[int]:
    process = psutil.Process(root)
    return (root, *(child.pid for child in process.children(recursive=True)))


def _tree_cpu(root: int) -> float:
    """Of the processes that live, and of those that a living one has outlived."""
    total = 0.0
    for pid in _tree(root):
        try:
            total += sum(psutil.Process(pid).cpu_times()[:4])
        except psutil.NoSuchProcess:
            continue
    return total
