"""MariaDB for the catalogue, where the system's package is installed; no wheel carries it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pymysql

from devstack.errors import MissingServerError
from devstack.ports import LOOPBACK, free_port
from devstack.process import Command, ManagedProcess, run_to_end

USER = "brx"
DATABASE = "catalog"
_GRANTS = f"""CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '{USER}'@'{LOOPBACK}';
GRANT ALL ON *.* TO '{USER}'@'{LOOPBACK}';
"""


@dataclass(slots=True)
class MariadbServer:
    """One server on loopback with the password-less user `brx` and the database `catalog`."""

    data_dir: Path
    run_dir: Path
    port: int | None = None
    durable: bool = True
    _process: ManagedProcess | None = field(default=None, init=False)

    def start(self) -> str:
        """Start, create what is missing, and return the catalogue's URL.

        Raises:
            MissingServerError: no system package is installed.
            NotReadyError: the installation or the server failed.
        """
        program = mariadb_program()
        if program is None:
            raise MissingServerError("MariaDB", "Install the system package mariadb-server, or give CATALOG_URL.")
        self.port = self.port or free_port()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not (self.data_dir / "mysql").is_dir():
            with _plain_path(self.data_dir) as directory:
                run_to_end(self._installation(program, directory))
        self._process = ManagedProcess.start(self._service(program))
        self._process.wait_ready(partial(_answers, self.port))
        return f"mysql+pymysql://{USER}@{LOOPBACK}:{self.port}/{DATABASE}"

    def stop(self) -> None:
        """Shut down in order."""
        if self._process is not None:
            self._process.stop()

    def crash(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()

    def _installation(self, program: str, directory: Path) -> Command:
        installer = _find("mariadb-install-db", "mysql_install_db")
        if installer is None:
            raise MissingServerError("mariadb-install-db", f"It belongs beside {program}: reinstall mariadb-server.")
        options = ("--auth-root-authentication-method=normal", "--skip-test-db", f"--tmpdir={directory.parent}")
        return Command("mariadb-install", [installer, *_common(directory), *options], self.run_dir)

    def _service(self, program: str) -> Command:
        grants = self.run_dir.absolute() / "mariadb-grants.sql"
        grants.write_text(_GRANTS)
        # A server that starts clears its temporary files, and in a shared folder those of another one.
        temporary = self.run_dir.absolute() / "mariadb-tmp"
        temporary.mkdir(exist_ok=True)
        network = (f"--port={self.port}", f"--bind-address={LOOPBACK}", "--skip-name-resolve")
        files = (
            f"--init-file={grants}",
            f"--socket={_socket_path(self.data_dir)}",
            f"--pid-file={grants}.pid",
            f"--tmpdir={temporary}",
        )
        speed = () if self.durable else ("--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite")
        return Command("mariadb", [program, *_common(self.data_dir), *network, *files, *speed], self.run_dir)


def _common(directory: Path) -> tuple[str, ...]:
    user = ("--user=root",) if os.geteuid() == 0 else ()
    return ("--no-defaults", f"--datadir={directory.absolute()}", *user)


@contextmanager
def _plain_path(directory: Path) -> Iterator[Path]:
    """Another name of a directory, without spaces: the installer is a shell script that does not quote."""
    with tempfile.TemporaryDirectory(prefix="brx-sync-") as place:
        link = Path(place) / "data"
        link.symlink_to(directory.absolute(), target_is_directory=True)
        yield link


def mariadb_program() -> str | None:
    """Path of the installed server, or None."""
    return _find("mariadbd", "mysqld")


def _find(*names: str) -> str | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin", "/sbin"))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def _socket_path(data_dir: Path) -> str:
    """A short one: a Unix socket's path may have about 100 characters, a data directory's may have more."""
    digest = hashlib.sha256(str(data_dir.absolute()).encode()).hexdigest()[:16]
    return str(Path(tempfile.gettempdir()) / f"brx-sync-{digest}.sock")


def _answers(port: int) -> bool:
    try:
        pymysql.connect(host=LOOPBACK, port=port, user=USER, database=DATABASE, connect_timeout=2).close()
    except pymysql.MySQLError:
        return False
    return True
