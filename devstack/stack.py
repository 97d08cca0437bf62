"""The servers of a developer, a test run or the demo as one value.

    with DevStack(Path(".devstack"), services={"postgres", "valkey", "temporal"}) as stack:
        worker = stack.spawn("worker", [sys.executable, "-m", "worker"])

A URL already in the environment replaces a server: it is passed on, and nothing is started for it. Data
survive a restart unless `fresh`; nothing outlives the process that holds the stack.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Protocol, Self, TypeVar

from devstack.lock import DirectoryLock, clear, end_leftovers, refuse_foreign
from devstack.mariadb import MariadbServer, mariadb_program
from devstack.postgres import PostgresServer
from devstack.process import Command, ManagedProcess
from devstack.temporal import TemporalServer
from devstack.valkey import ValkeyServer

Service = Literal["postgres", "valkey", "temporal", "mariadb"]
VARIABLES: Final[Mapping[Service, str]] = {
    "postgres": "DATABASE_URL",
    "valkey": "REDIS_URL",
    "temporal": "TEMPORAL_ADDRESS",
    "mariadb": "CATALOG_URL",
}
T = TypeVar("T")
ALL_SERVICES: Final[frozenset[Service]] = frozenset(VARIABLES)


class Server(Protocol):
    """What the stack needs of a server."""

    def start(self) -> str:
        """Start, wait until ready, and return the URL."""

    def stop(self) -> None:
        """End it; idempotent."""

    def crash(self) -> None:
        """End it without warning."""


@dataclass(slots=True)
class DevStack:
    """Servers under one data directory. `ports` fixes some by service name, or `temporal-ui`; others are free ones.

    `durable=False`, for tests, keeps Temporal and Valkey in memory and switches PostgreSQL's fsync off.
    """

    data_dir: Path
    services: Set[Service] = ALL_SERVICES
    fresh: bool = False
    durable: bool = True
    ports: Mapping[str, int] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    temporal_flags: tuple[str, ...] = ()
    _lock: DirectoryLock | None = field(default=None, init=False, repr=False)
    _servers: dict[Service, Server] = field(default_factory=dict, init=False, repr=False)
    _processes: list[ManagedProcess] = field(default_factory=list, init=False, repr=False)
    _urls: dict[str, str] = field(default_factory=dict, init=False)

    @property
    def run_dir(self) -> Path:
        """Logs and pid files of every process."""
        return self.data_dir / "run"

    def start(self) -> Self:
        """Start what is wanted and not given, all at once.

        Raises:
            AlreadyRunningError: a living stack owns the data directory.
            MissingServerError, NotReadyError: a server cannot be had; the others are stopped again.
        """
        self._claim()
        try:
            self._start_servers()
        except BaseException:
            self.stop()
            raise
        return self

    def env(self) -> dict[str, str]:
        """The settings that lead a child process to these servers."""
        return dict(self._urls)

    def spawn(self, name: str, argv: Sequence[str], *, grace_seconds: float = 10.0, **variables: str) -> ManagedProcess:
        """Run a process of ours under the same supervision, with our environment, `env()` and `variables`."""
        environment = {**os.environ, **self._urls, **variables}
        command = Command(name, argv, self.run_dir, environment=environment, grace_seconds=grace_seconds)
        process = ManagedProcess.start(command)
        self._processes.append(process)
        return process

    def respawn(self, process: ManagedProcess) -> ManagedProcess:
        """Run the command of a process that has ended, or is killed for this, once more."""
        process.kill()
        successor = ManagedProcess.start(process.command)
        self._processes[self._processes.index(process)] = successor
        return successor

    def crash(self, name: Service) -> None:
        """Kill one server, and everything it started, as kill -9 does."""
        self._servers[name].crash()

    def restart(self, name: Service, *, empty: bool = False) -> None:
        """Start a crashed server at its old address, with the data it had on disk, or `empty`.

        Raises:
            NotReadyError: it does not come back.
        """
        if empty:
            shutil.rmtree(self.data_dir / name)
        _at_once([self._servers[name].start])

    def stop(self) -> None:
        """Stop our processes, last first, then the servers, and give the directory back; idempotent."""
        try:
            while self._processes:
                self._processes.pop().stop()
            _at_once(server.stop for server in self._servers.values())
            self._servers.clear()
        finally:
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _claim(self) -> None:
        if self.fresh:
            refuse_foreign(self.data_dir)
        self._lock = DirectoryLock(self.data_dir)
        self._lock.acquire()
        end_leftovers(self.run_dir)
        if self.fresh:
            clear(self.data_dir)

    def _start_servers(self) -> None:
        given = {variable: self.environ.get(variable, "") for variable in VARIABLES.values()}
        self._urls = {variable: url for variable, url in given.items() if url}
        self._servers = {name: self._server(name) for name in self.services if self._is_ours(name)}
        self._urls.setdefault("CATALOG_URL", f"sqlite:///{self.data_dir.absolute() / 'catalog.db'}")
        urls = _at_once(server.start for server in self._servers.values())
        self._urls |= {VARIABLES[name]: url for name, url in zip(self._servers, urls, strict=True)}
        if ui_url := self._temporal_ui_url():
            self._urls["TEMPORAL_UI_URL"] = ui_url

    def _is_ours(self, name: Service) -> bool:
        given = VARIABLES[name] in self._urls
        return not given and (name != "mariadb" or mariadb_program() is not None)

    def _server(self, name: Service) -> Server:
        data_dir, port = self.data_dir / name, self.ports.get(name)
        match name:
            case "postgres":
                return PostgresServer(data_dir, self.run_dir, port, self.durable)
            case "valkey":
                return ValkeyServer(data_dir, self.run_dir, port, self.durable)
            case "mariadb":
                return MariadbServer(data_dir, self.run_dir, port, self.durable)
            case "temporal":
                database = data_dir / "temporal.db" if self.durable else None
                ui_port = self.ports.get("temporal-ui")
                return TemporalServer(self.run_dir, database, port, ui_port, extra_flags=self.temporal_flags)

    def _temporal_ui_url(self) -> str:
        server = self._servers.get("temporal")
        return server.ui_url if isinstance(server, TemporalServer) else self.environ.get("TEMPORAL_UI_URL", "")


def _at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Call all concurrently; when all have ended, the results in order, or the first error."""
    with ThreadPoolExecutor(max_workers=len(VARIABLES)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]
