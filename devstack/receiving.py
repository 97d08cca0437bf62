"""Starts the receiver of call-backs where its users look for it, whoever else starts one at the same time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final
from urllib.request import urlopen

from devstack.errors import NotReadyError
from devstack.ports import LOOPBACK, free_port, is_free
from devstack.process import ManagedProcess

USUAL_PORT: Final = 4000
_SECONDS: Final = 60.0

Spawn = Callable[[int], ManagedProcess]
"""Starts a receiver at a port."""


def start_receiver(spawn: Spawn, usual: int = USUAL_PORT) -> tuple[ManagedProcess, str]:
    """A receiver that answers, and its address: at the usual port, or at a free one where another has that.

    Raises:
        NotReadyError: it does not answer.
    """
    if is_free(usual):
        try:
            return _answering(spawn(usual), usual)
        except NotReadyError:
            # Another stack was quicker between our look and the receiver's bind.
            pass
    port = free_port()
    return _answering(spawn(port), port)


def _answering(process: ManagedProcess, port: int) -> tuple[ManagedProcess, str]:
    url = f"http://{LOOPBACK}:{port}"
    process.wait_ready(lambda: _pid_at(url) == process.pid, _SECONDS)
    return process, url


def _pid_at(url: str) -> int | None:
    """Who answers there: at a shared port it may be another stack's receiver."""
    try:
        with urlopen(f"{url}/control/health", timeout=5) as answer:  # noqa: S310 - loopback
            pid: int = json.load(answer)["pid"]
            return pid
    except OSError:
        return None
