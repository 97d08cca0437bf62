"""The rehearsal on a stack of its own: start, play, show, and an exit code."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import httpx
import typer
from rich.console import Console
from rich.table import Table

from cli.console import emit, out
from cli.errors import UnfitError
from cli.store.figures import StoreFigures
from cli.store.rehearsal import Rehearsal, Script
from devstack.central import CentralServer
from devstack.errors import DevStackError
from devstack.service import RunningService, ServiceOptions, start_service
from devstack.stack import DevStack
from workflows import task_queues

_PRODUCTS: Final = 10
_TILL: Final = uuid5(NAMESPACE_URL, "brx-sync:store:demo")
# Nobody waits for a sweep here: what waits longer than the short waits is triggered.
_WORKERS: Final = {"worker": task_queues.ALL}


def perform(script: Script, data_dir: Path, *, leave: bool) -> None:
    """Rehearse an outage; see the command.

    Raises:
        UnfitError: a server failed to start, or died.
    """
    console = out()
    try:
        with ExitStack() as stack:
            with console.status("Starting PostgreSQL, Valkey, Temporal, central, the API and a worker"):
                servers = stack.enter_context(DevStack(data_dir / "store-demo", fresh=True, environ={}))
                central = CentralServer.start(servers)
                options = ServiceOptions(products=_PRODUCTS, workers=_WORKERS, variables=central.variables)
                service = start_service(servers, options)
            stack.callback(service.stop)
            figures = asyncio.run(rehearse(service, central, script, console))
    except DevStackError as error:
        raise UnfitError(str(error)) from None
    show(console, figures)
    if leave:
        emit(figures.model_dump_json())
    raise typer.Exit(not figures.laws_held)


async def rehearse(service: RunningService, central: CentralServer, script: Script, console: Console) -> StoreFigures:
    """One rehearsal by a shop of its own."""
    token = service.access_token(_TILL, ["store"], store_id=f"demo-{script.seed}")
    headers = {"Authorization": f"Bearer {token}"}
    # Servers close what was idle for 5 s, perhaps just when it is used again.
    limits = httpx.Limits(keepalive_expiry=2)
    async with (
        httpx.AsyncClient(base_url=service.api_url, headers=headers, timeout=30, limits=limits) as http,
        httpx.AsyncClient(base_url=f"{central.url}/control", timeout=30, limits=limits) as control,
    ):

        def say(line: str) -> None:
            console.print(line, soft_wrap=True)

        return await Rehearsal(script, http, control, central, say).play()


def show(console: Console, figures: StoreFigures) -> None:
    """The verdict, as central's own books have it."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("accepted at the shop", f"{figures.accepted:,} of {figures.updates:,}, {figures.refused:,} refused")
    table.add_row("answered within (p99)", f"{figures.slowest_ms:g} ms, whether or not central was there")
    table.add_row("taken by central", f"{figures.pushed:,}, and {figures.conflicts} taken back here")
    table.add_row("lost, doubled, out of order", f"{figures.lost}, {figures.doubled}, {figures.out_of_order}")
    table.add_row("items that differ at the end", f"{figures.drift}, {figures.converged_after:g} s after the last sale")
    table.add_row("laws held", "[green]yes[/green]" if figures.laws_held else "[bold red]NO[/bold red]")
    console.print()
    console.print(table)
