"""The recorded results: one row per benchmark and size, merged into one JSON file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

RESULTS: Final = Path(__file__).parent / "results"
LATEST: Final = RESULTS / "latest.json"
_OUTPUTS: Final = (":/", ":(exclude,top)bench/results", ":(exclude,top)README.md")


class Row(BaseModel):
    """One figure. `ratio` is value / floor; `met` None means the target cannot be judged from this run."""

    model_config = ConfigDict(frozen=True)

    name: str
    n: int = Field(description="products, or seconds of load; the note says which where it is not products")
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    target: str
    met: bool | None
    peak_rss_mib: float | None = None
    cores: int
    commit: str
    at: datetime
    note: str = ""


class Origin(BaseModel):
    """Where and when a row was measured; the machine has no name here."""

    model_config = ConfigDict(frozen=True)

    cores: int
    commit: str
    at: datetime

    @classmethod
    def here(cls) -> Origin:
        """This machine, this commit (with a `+` when the tree differs from it), now."""
        now = datetime.now(UTC).replace(microsecond=0)
        return cls(cores=len(os.sched_getaffinity(0)), commit=_commit(), at=now)


_ROWS: Final = TypeAdapter(list[Row])


def load(path: Path = LATEST) -> list[Row]:
    """Recorded rows; none when nothing was recorded."""
    return _ROWS.validate_json(path.read_bytes()) if path.exists() else []


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Sorted by name and size; a new row replaces the old one of the same two."""
    rows = {(row.name, row.n): row for row in (*old, *new)}
    return [rows[key] for key in sorted(rows)]


def record(new: Iterable[Row], path: Path = LATEST) -> list[Row]:
    """Merge rows into the file; returns all it holds."""
    rows = merged(load(path), new)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_ROWS.dump_json(rows, indent=2, exclude_none=False) + b"\n")
    return rows


def _commit() -> str:
    commit = _git("rev-parse", "--short", "HEAD")
    return f"{commit}+" if commit and _git("status", "--porcelain", "-uno", "--", *_OUTPUTS) else commit or "unknown"


def _git(*arguments: str) -> str:
    argv = ("git", *arguments)
    result = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return result.stdout.strip() if result.returncode == 0 else ""
