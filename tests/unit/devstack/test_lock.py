"""One stack per directory, and what a dead one leaves behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import AlreadyRunningError, DevStackError
from devstack.lock import DirectoryLock, clear, end_leftovers, refuse_foreign


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_the_lock_is_exclusive_until_released(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    first.acquire()
    with pytest.raises(AlreadyRunningError):
        second.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_leftover_is_ended(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    (tmp_path / "server.pid").write_text(f"{sleeper.pid}\n")
    assert end_leftovers(tmp_path) == [sleeper.pid]
    assert sleeper.poll() is not None
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_got_the_number_later_is_spared(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    pid_file = tmp_path / "server.pid"
    pid_file.write_text(f"{sleeper.pid}\n")
    os.utime(pid_file, (0, 0))
    assert end_leftovers(tmp_path) == []
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "not a number", "4194305"])
def test_an_unusable_pid_file_is_removed(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.pid").write_text(text)
    assert end_leftovers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_clear_keeps_the_lock_and_follows_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    stack = tmp_path / "stack"
    lock = DirectoryLock(stack)
    lock.acquire()
    (stack / "postgres").mkdir()
    (stack / "catalog.db").touch()
    (stack / "link").symlink_to(outside)
    clear(stack)
    lock.release()
    assert [path.name for path in stack.iterdir()] == ["devstack.lock"]
    assert (outside / "kept").is_dir()


def test_only_an_empty_folder_or_a_stack_may_be_cleared(tmp_path: Path) -> None:
    refuse_foreign(tmp_path / "missing")
    refuse_foreign(tmp_path)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DevStackError, match="holds other files"):
        refuse_foreign(tmp_path)
    (tmp_path / "devstack.lock").touch()
    refuse_foreign(tmp_path)
