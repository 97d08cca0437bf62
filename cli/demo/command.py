"""The command's options. What needs the development dependencies is imported when it runs, not for its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import DATA_DIR
from cli.store.command import demo as rehearse


def demo(
    products: Annotated[int, typer.Option(min=1, max=5_000_000, help="size of the seller's stock")] = 50_000,
    seed: Annotated[int, typer.Option(help="of the simulator's random stock")] = 1,
    port: Annotated[int | None, typer.Option(help="of the API; a free one when not given", show_default=False)] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="begin with empty databases")] = False,
    leave: Annotated[bool, typer.Option("--exit", help="end by itself; exit code 0 only if the laws held")] = False,
    traffic: Annotated[int, typer.Option(min=1, max=86_400, help="seconds in which everybody moves")] = 5,
    faults: Annotated[bool, typer.Option("--faults", help="webhooks and answers get lost meanwhile")] = False,
    data_dir: Annotated[Path, typer.Option(help="where its databases live", file_okay=False)] = DATA_DIR,
    store: Annotated[bool, typer.Option("--store", help="a shop's outage instead, as `store demo`")] = False,
) -> None:
    """Start everything with a simulated CardTrader, sync a stock, and prove that nothing drifted."""
    if store:
        return rehearse(seed=seed, leave=leave, data_dir=data_dir)
    from cli.demo.performance import Story, perform

    story = Story(products, seed, traffic_seconds=traffic, faults=faults)
    return perform(story, port, data_dir, fresh=fresh, leave=leave)
