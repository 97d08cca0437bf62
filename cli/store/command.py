"""`store demo`. What needs the development dependencies is imported when it runs, not for its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import DATA_DIR


def demo(
    updates: Annotated[int, typer.Option(min=10, max=1_000_000, help="movements at the shop")] = 1000,
    outages: Annotated[int, typer.Option(min=1, max=1000, help="how often central is killed")] = 3,
    seed: Annotated[int, typer.Option(help="of the story")] = 1,
    leave: Annotated[bool, typer.Option("--exit", help="the last line is one JSON object with the figures")] = False,
    data_dir: Annotated[Path, typer.Option(help="where its databases live", file_okay=False)] = DATA_DIR,
) -> None:
    """Kill central while a shop sells, revive it, and prove that nothing was lost. Exit code 0 only if so."""
    from cli.store.performance import perform
    from cli.store.rehearsal import Script

    perform(Script(updates, outages, seed), data_dir, leave=leave)
