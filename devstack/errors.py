"""What can go wrong while servers are started; every message says what to do next.

DevStackError
├── MissingServerError      a program is not installed
├── NotReadyError           a process ended early, or its deadline passed; carries the end of its log
└── AlreadyRunningError     a living stack owns the data directory
"""

from __future__ import annotations

from pathlib import Path


class DevStackError(Exception):
    """The embedded servers cannot be started."""


class MissingServerError(DevStackError):
    """A server's program is not installed."""

    def __init__(self, program: str, remedy: str) -> None:
        super().__init__(f"{program} is not installed. {remedy}")


class NotReadyError(DevStackError):
    """A process ended or stayed silent before it answered its health check."""

    def __init__(self, name: str, reason: str, log: Path) -> None:
        super().__init__(f"{name} {reason}. Last lines of {log}:\n{last_lines(log)}")


class AlreadyRunningError(DevStackError):
    """A living stack owns the data directory."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(f"Another stack is using {data_dir}. Stop it, or choose another data directory.")


def last_lines(log: Path, count: int = 20) -> str:
    """The end of a log file, indented; a placeholder where there is none."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        lines = []
    return "\n".join(f"    {line}" for line in lines) or "    (empty)"
