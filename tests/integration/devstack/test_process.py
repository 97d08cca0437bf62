"""Supervised processes: ready, stopped, killed, never orphaned."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from devstack import Command, ManagedProcess, NotReadyError
from devstack.process import run_to_end
from tests.helpers import eventually

_SLEEPER = ("/bin/sh", "-c", "echo started; exec sleep 600")
_STUBBORN = ("/bin/sh", "-c", "trap '' TERM; echo started; while :; do sleep 1; done")
_OWNER = """
import pathlib, sys
from devstack.process import Command, ManagedProcess
run_dir = pathlib.Path(sys.argv[1])
process = ManagedProcess.start(Command("child", sys.argv[2:], run_dir, grace_seconds=0.2))
process.wait_ready(lambda: "started" in process.command.log.read_text())
sys.stdout.write(f"{process.pid}\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def _started(process: ManagedProcess) -> bool:
    return "started" in process.command.log.read_text()


def test_start_log_and_stop(tmp_path: Path) -> None:
    process = ManagedProcess.start(Command("sleeper", _SLEEPER, tmp_path))
    process.wait_ready(lambda: _started(process))
    assert process.command.pid_file.read_text() == f"{process.pid}\n"
    assert process.exit_code is None
    process.stop()
    assert not psutil.pid_exists(process.pid)
    assert not process.command.pid_file.exists()


def test_a_process_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    process = ManagedProcess.start(Command("stubborn", _STUBBORN, tmp_path, grace_seconds=0.1))
    process.wait_ready(lambda: _started(process))
    process.stop()
    assert not psutil.pid_exists(process.pid)


def test_kill_is_a_crash(tmp_path: Path) -> None:
    process = ManagedProcess.start(Command("sleeper", _SLEEPER, tmp_path))
    process.kill()
    process.kill()
    assert not psutil.pid_exists(process.pid)


def test_it_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    started: list[ManagedProcess] = []
    thread = threading.Thread(
        target=lambda: started.append(ManagedProcess.start(Command("sleeper", _SLEEPER, tmp_path)))
    )
    thread.start()
    thread.join()
    with started[0] as process:
        process.wait_ready(lambda: _started(process))
        assert psutil.pid_exists(process.pid)


@pytest.mark.parametrize("argv", [_SLEEPER, _STUBBORN])
async def test_kill_9_of_the_owner_leaves_nothing(tmp_path: Path, argv: tuple[str, ...]) -> None:
    child = _child_of_a_killed_owner(tmp_path, argv)
    await eventually(lambda: _assert_gone(child))
    await eventually(lambda: _assert_no_file(tmp_path / "child.pid"))


async def test_kill_9_of_the_guardian_leaves_nothing(tmp_path: Path) -> None:
    process = ManagedProcess.start(Command("sleeper", _SLEEPER, tmp_path))
    guardian = psutil.Process(process.pid).ppid()
    os.kill(guardian, signal.SIGKILL)
    await eventually(lambda: _assert_gone(process.pid))
    process.stop()


def test_an_early_end_shows_the_log(tmp_path: Path) -> None:
    process = ManagedProcess.start(Command("broken", ("/bin/sh", "-c", "echo port is taken; exit 3"), tmp_path))
    with process, pytest.raises(NotReadyError, match=r"broken ended with exit code 3(?s:.*)port is taken"):
        process.wait_ready(lambda: False)


def test_a_silent_process_meets_its_deadline(tmp_path: Path) -> None:
    process = ManagedProcess.start(Command("silent", _SLEEPER, tmp_path))
    with process, pytest.raises(NotReadyError, match=r"silent did not become ready in 0\.1 s"):
        process.wait_ready(lambda: False, deadline=0.1)


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="cannot run /no/such/program"):
        run_to_end(Command("missing", ("/no/such/program",), tmp_path))


def _child_of_a_killed_owner(run_dir: Path, argv: tuple[str, ...]) -> int:
    arguments = [sys.executable, "-c", _OWNER, str(run_dir), *argv]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        child = int(owner.stdout.readline())
        assert psutil.pid_exists(child)
        owner.kill()
    return child


def _assert_gone(pid: int) -> None:
    assert not psutil.pid_exists(pid)


def _assert_no_file(path: Path) -> None:
    assert not path.exists()
