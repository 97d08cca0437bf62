"""The command's options. What needs the development dependencies is imported when it runs, not for its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import DATA_DIR


def demo(
    items: Annotated[int, typer.Option(min=10, max=5_000_000, help="rows of the ERP's largest table")] = 20_000,
    seed: Annotated[int, typer.Option(help="of the generated ERP")] = 1,
    page_size: Annotated[int, typer.Option(min=100, max=10_000, help="rows per page")] = 2_000,
    port: Annotated[int | None, typer.Option(help="of the API; a free one when not given", show_default=False)] = None,
    leave: Annotated[bool, typer.Option("--exit", help="end by itself; exit code 0 only if all was exact")] = False,
    data_dir: Annotated[Path, typer.Option(help="emptied before", file_okay=False)] = DATA_DIR / "bridge-demo",
) -> None:
    """Start everything with a generated ERP and a hub, sync, change a little, and prove that exactly that arrives."""
    from cli.bridge_demo.performance import Story, perform

    perform(Story(items, seed, page_size), port, data_dir, leave=leave)
