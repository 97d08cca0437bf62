"""`python -m devstack.simulators.schedulehub`: serves one hub on loopback."""

from __future__ import annotations

from typing import Annotated

import typer

from devstack.simulators.neighbour.app import serve
from devstack.simulators.neighbour.gate import Doors
from devstack.simulators.neighbour.tokens import PASSWORD, STATIC_TOKEN, USERNAME, Tokens

from .app import create_app
from .books import Books
from .hub import Hub


def main(
    port: Annotated[int, typer.Option(help="on 127.0.0.1")] = 5180,
    token: str = STATIC_TOKEN,
    username: str = USERNAME,
    password: str = PASSWORD,
    check_parents: Annotated[bool, typer.Option(help="whether a record's parents must be there")] = True,
    plain_errors: Annotated[bool, typer.Option(help="whether a record's error is a text, not an object")] = False,
) -> None:
    """Serve a simulated ScheduleHub."""
    doors = Doors(Tokens(token, username, password))
    hub = Hub(doors, Books(check_parents=check_parents), plain_errors=plain_errors)
    serve(create_app(hub), doors, port)


if __name__ == "__main__":
    typer.run(main)
