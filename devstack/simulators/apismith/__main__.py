"""`python -m devstack.simulators.apismith`: serves one ERP on loopback."""

from __future__ import annotations

from typing import Annotated

import typer

from devstack.simulators.neighbour.app import serve
from devstack.simulators.neighbour.gate import Doors
from devstack.simulators.neighbour.tokens import PASSWORD, STATIC_TOKEN, USERNAME, Tokens

from .app import create_app
from .erp import Sizes
from .source import Source


def main(
    port: Annotated[int, typer.Option(help="on 127.0.0.1")] = 8007,
    sites: Annotated[int, typer.Option(min=0)] = 20,
    items: Annotated[int, typer.Option(min=0)] = 1_000,
    orders: Annotated[int, typer.Option(min=0)] = 500,
    order_lines: Annotated[int, typer.Option(min=0, help="up to 96 an order")] = 2_000,
    seed: int = 1,
    token: str = STATIC_TOKEN,
    username: str = USERNAME,
    password: str = PASSWORD,
) -> None:
    """Serve a simulated APISmith."""
    doors = Doors(Tokens(token, username, password))
    source = Source(doors, Sizes(sites, items, orders, order_lines), seed)
    serve(create_app(source), doors, port)


if __name__ == "__main__":
    typer.run(main)
