"""One living stack per data directory, and the end of whatever a dead one left behind."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil

from devstack.errors import AlreadyRunningError, DevStackError

_LOCK_NAME = "devstack.lock"
_BIRTH_TOLERANCE_SECONDS = 5.0


class DirectoryLock:
    """An advisory lock that the kernel releases when its holder dies, however it dies."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _LOCK_NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, creating the directory.

        Raises:
            AlreadyRunningError: a living process holds it.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise AlreadyRunningError(self._path.parent) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def refuse_foreign(directory: Path) -> None:
    """Protect folders that no stack has made from being cleared.

    Raises:
        DevStackError: the directory has content and was never a stack's.
    """
    if directory.is_dir() and any(directory.iterdir()) and not (directory / _LOCK_NAME).exists():
        raise DevStackError(f"{directory} holds other files; a fresh stack needs an empty directory or its own.")


def clear(directory: Path) -> None:
    """Delete everything in a locked data directory but the lock."""
    for path in directory.iterdir():
        if path.name == _LOCK_NAME:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def end_leftovers(run_dir: Path, grace_seconds: float = 10.0) -> list[int]:
    """End the processes whose pid files a dead stack left, and return their ids.

    Call it under the lock. Usually their guardians are ending them already, and this only waits.
    """
    found = [process for path in run_dir.glob("*.pid") if (process := _recorded(path)) is not None]
    for process in found:
        _quietly(process.terminate)
    _, alive = psutil.wait_procs(found, timeout=grace_seconds)
    for process in alive:
        _quietly(process.kill)
    psutil.wait_procs(alive, timeout=grace_seconds)
    for path in run_dir.glob("*.pid"):
        path.unlink(missing_ok=True)
    return [process.pid for process in found]


def _recorded(pid_file: Path) -> psutil.Process | None:
    """The process a pid file speaks of, unless the number has gone to another one since."""
    try:
        process = psutil.Process(int(pid_file.read_text()))
        age = abs(process.create_time() - pid_file.stat().st_mtime)
    except (ValueError, OSError, psutil.Error):
        return None
    return process if age < _BIRTH_TOLERANCE_SECONDS else None


def _quietly(signal: Callable[[], None]) -> None:
    try:
        signal()
    except psutil.NoSuchProcess:
        return
