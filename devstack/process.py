"""Child processes that cannot outlive us: start, log to a file, wait until ready, stop, or kill.

Starting is safe from any thread. `stop` closes the guardian's pipe; it is idempotent, and the same thing
happens by itself when this process dies in whatever way.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from devstack import guardian
from devstack.errors import DevStackError, NotReadyError

READY_SECONDS = 30.0
_POLL_SECONDS = 0.02
_KILL_SLACK_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Command:
    """A process to run. `identity` see `devstack.privileges`; `environment` replaces ours when given."""

    name: str
    argv: Sequence[str]
    run_dir: Path
    environment: Mapping[str, str] | None = None
    cwd: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10.0
    identity: str = "same"

    @property
    def log(self) -> Path:
        """Where both output streams go."""
        return self.run_dir / f"{self.name}.log"

    @property
    def pid_file(self) -> Path:
        """Holds the process id while the process runs."""
        return self.run_dir / f"{self.name}.pid"


@dataclass(slots=True)
class ManagedProcess:
    """One supervised process, from `start` to `stop`; also a context manager."""

    command: Command
    pid: int
    _guardian: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(cls, command: Command) -> Self:
        """Start the command in its own session.

        Raises:
            DevStackError: the guardian could not be started.
        """
        command.run_dir.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, json.dumps(_orders(command))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=None if command.environment is None else dict(command.environment),
            cwd=command.cwd,
            start_new_session=True,
        )
        assert process.stdout is not None  # noqa: S101 - narrows the type, PIPE was asked for
        with process.stdout as announcement:
            pid = announcement.readline().strip()
        if not pid:
            process.kill()
            raise DevStackError(f"{command.name} could not be started by {sys.executable}")
        return cls(command, int(pid), process)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 and more for a signal."""
        return self._guardian.poll()

    def wait_ready(self, is_ready: Callable[[], bool], deadline: float = READY_SECONDS) -> None:
        """Return once `is_ready` does so.

        Raises:
            NotReadyError: the process ended, or `deadline` seconds passed.
        """
        end = time.monotonic() + deadline
        while not is_ready():
            if self.exit_code is not None:
                raise NotReadyError(self.command.name, f"ended with exit code {self.exit_code}", self.command.log)
            if time.monotonic() > end:
                raise NotReadyError(self.command.name, f"did not become ready in {deadline:g} s", self.command.log)
            time.sleep(_POLL_SECONDS)

    def wait(self, deadline: float) -> int:
        """The exit code of a process that ends by itself.

        Raises:
            NotReadyError: it did not end within `deadline` seconds.
        """
        try:
            return self._guardian.wait(deadline)
        except subprocess.TimeoutExpired:
            raise NotReadyError(self.command.name, f"did not end in {deadline:g} s", self.command.log) from None

    def stop(self) -> None:
        """Ask it to end, kill it after its grace period, and return when it is gone."""
        if self._guardian.stdin is not None:
            self._guardian.stdin.close()
        self._guardian.wait(self.command.grace_seconds + _KILL_SLACK_SECONDS)

    def kill(self) -> None:
        """End it and its descendants without warning, as a crash would, and return when all are gone."""
        if self.exit_code is None:
            # Not by process group: PostgreSQL's children lead groups of their own and outlive their parent a while.
            family = _family(self.pid)
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()
            psutil.wait_procs(family, timeout=_KILL_SLACK_SECONDS)
        self.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def run_to_end(command: Command, deadline: float = READY_SECONDS) -> None:
    """Run a command that ends by itself.

    Raises:
        NotReadyError: it failed, or took longer than `deadline` seconds.
    """
    with ManagedProcess.start(command) as process:
        if code := process.wait(deadline):
            raise NotReadyError(command.name, f"ended with exit code {code}", command.log)


def _family(pid: int) -> list[psutil.Process]:
    """A process, parents before children, or nothing when it has ended."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _orders(command: Command) -> guardian.Orders:
    return {
        "argv": list(command.argv),
        "log": str(command.log.absolute()),
        "pid_file": str(command.pid_file.absolute()),
        "stop_signal": int(command.stop_signal),
        "grace": command.grace_seconds,
        "identity": command.identity,
    }
