"""Where a running demo is, left in its data directory for other terminals: `make flow` needs no address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from devstack.service import RunningService

_FILE: Final = "addresses.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Of the API, and of the receiver of call-backs."""

    api: str
    callbacks: str

    @classmethod
    def of(cls, service: RunningService) -> Self:
        """Those of a service with a receiver."""
        return cls(service.api_url, service.callbacks_url)

    def leave(self, data_dir: Path) -> Path:
        """Write them down."""
        path = data_dir / _FILE
        path.write_bytes(msgspec.json.encode(self))
        return path


def find(data_dir: Path) -> Addresses | None:
    """Those of the demo whose data these are; None when there is none."""
    try:
        return msgspec.json.decode((data_dir / _FILE).read_bytes(), type=Addresses)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
