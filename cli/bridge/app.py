"""Which command of `bridge` is where."""

from __future__ import annotations

import typer

from cli.bridge_demo.command import demo

app = typer.Typer(no_args_is_help=True, help="ERP rows to the hub.")
app.command()(demo)


@app.callback()
def bridge() -> None:
    """ERP rows to the hub."""
