"""Two stacks that look for the usual port of call-backs at the same time get a receiver each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.ports import LOOPBACK, free_port
from devstack.process import Command, ManagedProcess
from devstack.receiving import Spawn, start_receiver


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Starts real receivers, and ends them."""
    with ExitStack() as running:

        def start(port: int) -> ManagedProcess:
            argv = (sys.executable, "-m", "devstack.simulators.callbacks", "--port", str(port))
            name = f"receiver-{len(list(tmp_path.iterdir()))}"
            return running.enter_context(ManagedProcess.start(Command(name, argv, tmp_path / name)))

        yield start


def test_the_usual_port_is_taken_when_it_is_free(spawn: Spawn) -> None:
    usual = free_port()
    _, url = start_receiver(spawn, usual)
    assert url == f"http://{LOOPBACK}:{usual}"


def test_who_comes_second_by_a_moment_gets_a_port_of_its_own(spawn: Spawn) -> None:
    usual = free_port()
    rivals: list[tuple[ManagedProcess, str]] = []

    def behind_a_rival(port: int) -> ManagedProcess:
        if port == usual:
            rivals.append(start_receiver(spawn, usual))
        return spawn(port)

    _, url = start_receiver(behind_a_rival, usual)
    [(_, rival)] = rivals
    assert rival == f"http://{LOOPBACK}:{usual}"
    assert url != rival


def test_a_taken_port_is_left_alone(spawn: Spawn) -> None:
    usual = free_port()
    first, _ = start_receiver(spawn, usual)
    _, url = start_receiver(spawn, usual)
    assert url != f"http://{LOOPBACK}:{usual}"
    assert first.exit_code is None
