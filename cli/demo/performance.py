"""Start, story, and staying up until Ctrl-C."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer
from rich.console import Console

from cli.console import emit, out
from cli.demo.figures import DemoFigures
from cli.demo.guide import show_addresses, show_figures
from cli.demo.scenario import Scenario
from cli.errors import UnfitError
from devstack.addresses import Addresses
from devstack.errors import DevStackError
from devstack.service import RunningService, ServiceOptions, start_service
from devstack.stack import DevStack

_WATCH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Story:
    """What is played."""

    products: int
    seed: int
    traffic_seconds: int
    faults: bool


def perform(story: Story, port: int | None, data_dir: Path, *, fresh: bool, leave: bool) -> None:
    """Run the demo; see the command.

    Raises:
        UnfitError: a server failed to start, or died.
        CliError: a step of the story was refused.
    """
    ending_in_order()
    try:
        figures = _perform(story, port, data_dir, fresh, leave)
    except DevStackError as error:
        raise UnfitError(str(error)) from None
    if leave:
        emit(figures.model_dump_json())
        raise typer.Exit(not figures.laws_held)


def _perform(story: Story, port: int | None, data_dir: Path, fresh: bool, leave: bool) -> DemoFigures:
    console = out()
    options = ServiceOptions(
        products=story.products, seed=story.seed, api_port=port, sweeps=not leave, callbacks=not leave
    )
    with ExitStack() as stack:
        with console.status("Starting PostgreSQL, Valkey, Temporal, the simulators, the API and the workers"):
            # No address of the environment is used: a demo must never meet a real database.
            servers = stack.enter_context(DevStack(data_dir, fresh=fresh, environ={}))
            service = start_service(servers, options)
        stack.callback(service.stop)
        scenario = Scenario(service, console, **asdict(story))
        figures = scenario.play()
        show_figures(console, figures)
        if not leave:
            Addresses.of(service).leave(data_dir)
            show_addresses(console, service, scenario.user_id)
            stay(service, console)
    return figures


def ending_in_order() -> None:
    """SIGTERM unwinds the stack from now on, so that the servers are stopped in order."""
    signal.signal(signal.SIGTERM, _leave)


def stay(service: RunningService, console: Console) -> None:
    """Until Ctrl-C, or until a process of the service has ended."""
    console.print("\nCtrl-C ends everything.")
    try:
        while True:
            service.check_alive()
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        console.print("\nStopping")


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
