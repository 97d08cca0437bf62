"""The simulated central inventory as a supervised process that can be killed, and comes back with its books.

central = CentralServer.start(stack)
service = start_service(stack, ServiceOptions(variables=central.variables))
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self
from urllib.request import urlopen

from devstack.ports import LOOPBACK, free_port
from devstack.process import ManagedProcess
from devstack.simulators.central.central import SERVICE_NAME, SERVICE_SECRET
from devstack.stack import DevStack

_READY_SECONDS: Final = 60.0


class CentralServer:
    """One central inventory on loopback, at the same address all its lives."""

    def __init__(self, stack: DevStack, process: ManagedProcess, port: int) -> None:
        self._stack, self._process = stack, process
        self.url = f"http://{LOOPBACK}:{port}"

    @classmethod
    def start(cls, stack: DevStack, *flags: str) -> Self:
        """Start it with empty books, and return once it answers.

        Raises:
            NotReadyError: it ended or stayed silent.
        """
        port, journal = free_port(), Path(stack.data_dir) / "central" / "journal.jsonl"
        journal.unlink(missing_ok=True)
        place = ("--port", str(port), "--journal", str(journal))
        argv = (sys.executable, "-m", "devstack.simulators.central", *place, *flags)
        server = cls(stack, stack.spawn("central", argv), port)
        server._wait()
        return server

    @property
    def variables(self) -> Mapping[str, str]:
        """The settings of a service whose shops belong to it."""
        return {
            "CENTRAL_API_BASE_URL": self.url,
            "CENTRAL_SERVICE_NAME": SERVICE_NAME,
            "CENTRAL_SERVICE_SECRET": SERVICE_SECRET,
        }

    def kill(self) -> None:
        """End it without warning."""
        self._process.kill()

    def revive(self) -> None:
        """Start it again, with the books it had."""
        self._process = self._stack.respawn(self._process)
        self._wait()

    def _wait(self) -> None:
        self._process.wait_ready(self._answers, _READY_SECONDS)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health", timeout=5) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except OSError:
            return False
