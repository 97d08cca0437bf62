"""Start, story, and staying up until Ctrl-C."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import httpx
import typer
from rich.console import Console

from cli.bridge_demo.figures import BridgeFigures
from cli.bridge_demo.neighbours import Neighbours
from cli.bridge_demo.scenario import Scenario
from cli.bridge_demo.syncing import Bridge
from cli.console import emit, out
from cli.demo.performance import ending_in_order, stay
from cli.errors import UnfitError
from devstack.errors import DevStackError
from devstack.service import RunningService, ServiceOptions, start_service
from devstack.simulators.apismith.erp import Sizes
from devstack.stack import DevStack

OPERATOR = uuid5(NAMESPACE_URL, "brx-sync:bridge-demo")
_WORKERS = {"worker-bulk": ("bulk-sync",), "worker-other": ("high-priority", "default")}
_TIMEOUT = httpx.Timeout(60.0)


@dataclass(frozen=True, slots=True)
class Story:
    """What is played."""

    items: int
    seed: int
    page_size: int

    @property
    def sizes(self) -> Sizes:
        """Of the ERP's tables."""
        return Sizes(sites=20, items=self.items, orders=max(1, self.items // 10), order_lines=max(1, self.items // 2))


def perform(story: Story, port: int | None, data_dir: Path, *, leave: bool) -> None:
    """Run the demo; see the command.

    Raises:
        UnfitError: a server failed to start, or died.
        CliError: a step of the story was refused.
    """
    ending_in_order()
    try:
        figures = _perform(story, port, data_dir, leave)
    except DevStackError as error:
        raise UnfitError(str(error)) from None
    if leave:
        emit(figures.model_dump_json())
        raise typer.Exit(not figures.laws_held)


def _perform(story: Story, port: int | None, data_dir: Path, leave: bool) -> BridgeFigures:
    console = out()
    options = ServiceOptions(products=100, seed=story.seed, api_port=port, erp=story.sizes, workers=_WORKERS)
    with ExitStack() as stack:
        with console.status("Starting PostgreSQL, Valkey, Temporal, the ERP, the hub, the API and the workers"):
            # The ERP begins anew each time, so what is known of it does too.
            servers = stack.enter_context(DevStack(data_dir, fresh=True, environ={}))
            service = start_service(servers, options)
        stack.callback(service.stop)
        figures = _play(story, service, console, stack)
        _show(console, figures)
        if not leave:
            _show_addresses(console, service)
            stay(service, console)
    return figures


def _play(story: Story, service: RunningService, console: Console, stack: ExitStack) -> BridgeFigures:
    headers = {"Authorization": f"Bearer {service.access_token(OPERATOR, ('operator', 'reader'))}"}
    address = f"{service.api_url}/bridge/api/v1"
    api = stack.enter_context(httpx.Client(base_url=address, headers=headers, timeout=_TIMEOUT))
    control = stack.enter_context(httpx.Client(timeout=_TIMEOUT))
    neighbours = Neighbours(control, service.apismith_url, service.schedulehub_url)
    return Scenario(Bridge(api), neighbours, console, asdict(story.sizes), story.page_size).play()


def _show(console: Console, figures: BridgeFigures) -> None:
    moved = sum(moves.changed + moves.added + moves.removed for moves in figures.moves)
    exact = all(moves.arrived for moves in figures.moves)
    console.print(f"\nOf {figures.rows:,} rows {moved:,} moved; exactly these arrived: {'yes' if exact else 'NO'}")
    console.print(f"Laws held: {'[green]yes[/green]' if figures.laws_held else '[bold red]NO[/bold red]'}")


def _show_addresses(console: Console, service: RunningService) -> None:
    token = service.access_token(OPERATOR, ("operator", "reader"))
    console.print()
    for name, address in (
        ("API", f"{service.api_url}/bridge/docs"),
        ("Temporal Web UI", service.environment["TEMPORAL_UI_URL"]),
        ("the hub's books", f"{service.schedulehub_url}/control/books"),
        ("the ERP's tables", f"{service.apismith_url}/control/tables"),
    ):
        console.print(f"{name:<22}{address}", soft_wrap=True)
    console.print("\nTry in another terminal:\n")
    console.print(f"  export BRX_API_URL={service.api_url} BRX_TOKEN={token}", soft_wrap=True, markup=False)
