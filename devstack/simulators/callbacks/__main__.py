"""`python -m devstack.simulators.callbacks`: a receiver on loopback, port 4000 unless told otherwise."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from .app import create_app
from .receiver import Receiver


def main(port: Annotated[int, typer.Option(help="on 127.0.0.1")] = 4000) -> None:
    """Receive call-backs."""
    uvicorn.run(create_app(Receiver()), host="127.0.0.1", port=port, access_log=False, log_level="critical")


if __name__ == "__main__":
    typer.run(main)
