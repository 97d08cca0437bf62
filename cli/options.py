"""Options and arguments that several commands share, declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import typer


class Queue(StrEnum):
    """Task queues; an enum because Typer takes no list of literals."""

    HIGH_PRIORITY = "high-priority"
    BULK_SYNC = "bulk-sync"
    DEFAULT = "default"


DATA_DIR: Final = Path(".devstack")

User = Annotated[UUID, typer.Argument(metavar="USER", help="the seller's id, a UUID", show_default=False)]
ApiUrl = Annotated[str, typer.Option("--api-url", envvar="BRX_API_URL", help="address of the API")]
AccessToken = Annotated[
    str, typer.Option("--token", envvar="BRX_TOKEN", help="access token (JWT)", show_default=False, show_envvar=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="print the API's answer as JSON")]
DataDir = Annotated[Path, typer.Option("--data-dir", help="data of the development stack", file_okay=False)]

DEFAULT_API_URL: Final = "http://localhost:8000"
