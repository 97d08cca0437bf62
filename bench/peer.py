"""dlt, the peer of the bridge's benchmarks: in an environment of its own, so that nothing else ever imports it."""

from __future__ import annotations

import json
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from bench.errors import BenchError

LOCK: Final = Path(__file__).parent / "peer.lock"
_PROGRAM: Final = Path(__file__).parent / "dlt_load.py"
_INSTALL_SECONDS: Final = 600
_LOAD_SECONDS: Final = 3_600
_SHOWN: Final = 400

Form = Literal["dicts", "arrow"]


class NoPeer(BenchError):
    """dlt cannot be installed here, or does not load; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Peer:
    """dlt, ready to load. `directory` is where its pipelines keep what they know."""

    python: Path
    directory: Path

    @classmethod
    def ensure(cls, directory: Path) -> Peer:
        """Install the locked packages, unless they are there.

        Raises:
            NoPeer: they cannot be had.
        """
        home = directory / "environment"
        python, stamp = home / "bin" / "python", home / "installed.lock"
        if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
            venv.create(home, with_pip=True, clear=True)
            argv = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--requirement", LOCK]
            _run([str(part) for part in argv], _INSTALL_SECONDS)
            stamp.write_bytes(LOCK.read_bytes())
        return cls(python, directory)

    def load(self, form: Form, erp_url: str, token: str, database_url: str) -> float:
        """Upsert the ERP's items into PostgreSQL; seconds from the first request to the end of the merge."""
        argv = [str(self.python), str(_PROGRAM), form, erp_url, database_url, str(self.directory / form)]
        told = json.loads(_run(argv, _LOAD_SECONDS, token).splitlines()[-1])
        return round(float(told["seconds"]), 3)


def _run(argv: list[str], seconds: int, given: str = "") -> str:
    done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise NoPeer(f"dlt: {' '.join(done.stderr.split())[-_SHOWN:] or 'ended without a word'}")
    return done.stdout
