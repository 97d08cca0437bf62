"""The story of the demo: link, sync, compare, change a little at CardTrader, sync again, compare again."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from rich.console import Console

from cli.answers import Progress
from cli.api_client import Api
from cli.demo.books import Simulator, compare, local_stock
from cli.demo.figures import Changes, DemoFigures, Drift, SyncFigures
from cli.errors import CliError, RefusedError
from cli.following import follow
from cli.reports import show_progress
from devstack.service import CARDTRADER_TOKEN, RunningService

FRACTION_CHANGED: Final = 0.01
FRACTION_GONE: Final = 0.001


def demo_user(products: int, seed: int) -> UUID:
    """The seller of a demo; another stock is another seller, or it would look like a shrunken one."""
    return uuid5(NAMESPACE_URL, f"brx-sync:demo:{products}:{seed}")


@dataclass(frozen=True)
class Scenario:
    """One seller's demo on a running service."""

    service: RunningService
    console: Console
    products: int
    seed: int

    @property
    def user_id(self) -> UUID:
        """The demo seller."""
        return demo_user(self.products, self.seed)

    def play(self) -> DemoFigures:
        """Run the story and return its figures.

        Raises:
            CliError: a step was refused or a sync failed.
        """
        token = self.service.access_token(self.user_id)
        with (
            Api.connect(self.service.api_url, token) as api,
            httpx.Client(base_url=self.service.simulator_url, timeout=60) as http,
        ):
            simulator = Simulator(http)
            self._link(api)
            first = self._sync(api, simulator, f"Bulk sync of {self.products:,} products")
            changes = simulator.change(FRACTION_CHANGED, FRACTION_GONE, self.seed)
            second = self._sync(api, simulator, _describe(changes))
            requests = simulator.limit_use()
        return DemoFigures(
            products=self.products,
            seed=self.seed,
            first_sync=first,
            changes=changes,
            second_sync=second,
            requests=requests,
        )

    def _link(self, api: Api) -> None:
        body = {"cardtrader_token": CARDTRADER_TOKEN}
        try:
            api.post(f"/link/{self.user_id}", body)
        except RefusedError as refused:
            if refused.code != "SYNC_IN_PROGRESS":
                raise
            # An earlier demo was killed in the middle of a sync; the workers have taken it up again.
            self.console.print("A sync of the last demo goes on")
            follow(api, self.user_id, self.console)
            api.post(f"/link/{self.user_id}", body)
        self.console.print(f"Linked demo seller {self.user_id}")

    def _sync(self, api: Api, simulator: Simulator, title: str) -> SyncFigures:
        self.console.print(f"\n[bold]{title}[/bold]")
        began = time.monotonic()
        api.post(f"/start/{self.user_id}")
        final = follow(api, self.user_id, self.console)
        seconds = time.monotonic() - began
        show_progress(self.console, final)
        _require_success(final)
        figures = SyncFigures.of(final, seconds, self._drift(simulator))
        self.console.print(
            f"{figures.seconds:.1f} s, {figures.rate:,} products per second, drift {figures.drift.total}"
        )
        return figures

    def _drift(self, simulator: Simulator) -> Drift:
        ours = asyncio.run(local_stock(self.service.environment["DATABASE_URL"], self.user_id))
        return compare(ours, simulator.stock())


def _describe(changes: Changes) -> str:
    return f"Again, after CardTrader changed {changes.changed:,} products and lost {changes.gone:,}"


def _require_success(final: Progress) -> None:
    if not final.is_success:
        reason = f"{final.error.code}: {final.error.message}" if final.error else "no reason was given"
        raise CliError(f"The sync ended as {final.state} ({reason})")
