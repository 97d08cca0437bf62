"""`python -m devstack.simulators.central`: serves one central inventory on loopback."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from devstack.simulators.cardtrader.connections import Connections

from .app import create_app
from .books import Books
from .central import SERVICE_SECRET, Central
from .knobs import Knobs


def main(
    port: Annotated[int, typer.Option(help="on 127.0.0.1")] = 9002,
    journal: Annotated[Path | None, typer.Option(help="where its books are kept, also over a kill")] = None,
    knobs: Annotated[str, typer.Option(help="JSON object of knobs")] = "{}",
    secret: Annotated[str, typer.Option(help="of the service that may ask for tokens")] = SERVICE_SECRET,
) -> None:
    """Serve a simulated central inventory."""
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
    central = Central(Books(journal), Knobs.model_validate_json(knobs), secret=secret)
    connections = Connections()
    config = uvicorn.Config(
        create_app(central, connections), "127.0.0.1", port, http=connections.protocol(),
        access_log=False, log_level="critical",
    )  # fmt: skip
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    typer.run(main)
