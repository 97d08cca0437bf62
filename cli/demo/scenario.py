"""The story of the demo: link, sync, compare; change a little at CardTrader, sync, compare; then everybody moves."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from itertools import cycle
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from rich.console import Console

from cli.api_client import Api
from cli.demo.books import Simulator, compare, local_stock
from cli.demo.figures import Changes, DemoFigures, Drift, SyncFigures, TrafficFigures
from cli.demo.guide import show_traffic
from cli.demo.ledger import some_listings
from cli.demo.market import Market
from cli.demo.own_moves import OwnMoves
from cli.demo.traffic import Place, play, require_success
from cli.errors import RefusedError
from cli.following import follow
from cli.reports import show_progress
from devstack.service import CARDTRADER_TOKEN, RunningService

FRACTION_CHANGED: Final = 0.01
FRACTION_GONE: Final = 0.001
_OWN_LISTINGS: Final = 200


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
    traffic_seconds: int
    faults: bool

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
            traffic = self._traffic(api, simulator, Market(http))
            requests = simulator.limit_use()
        return DemoFigures(
            products=self.products,
            seed=self.seed,
            first_sync=first,
            changes=changes,
            second_sync=second,
            traffic=traffic,
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
        require_success(final)
        figures = SyncFigures.of(final, seconds, self._drift(simulator))
        self.console.print(
            f"{figures.seconds:.1f} s, {figures.rate:,} products per second, drift {figures.drift.total}"
        )
        return figures

    def _traffic(self, api: Api, simulator: Simulator, market: Market) -> TrafficFigures:
        faulty = " with faults on" if self.faults else ""
        self.console.print(f"\n[bold]Everybody moves for {self.traffic_seconds} s, while syncs run{faulty}[/bold]")
        database_url = self.service.environment["DATABASE_URL"]
        place = Place(api, market, database_url, self.user_id, self.console, lambda: self._drift(simulator))
        headers = {"Authorization": f"Bearer {self.service.access_token(self.user_id)}"}
        with httpx.Client(base_url=f"{self.service.api_url}/api/v1/sync", headers=headers, timeout=30) as http:
            rng = random.Random(self.seed)  # noqa: S311 - which listings a demo touches
            listings = cycle(asyncio.run(some_listings(database_url, self.user_id, _OWN_LISTINGS)))
            own = OwnMoves(http, self.user_id, listings, rng)
            figures = play(place, own, self.traffic_seconds, self.seed, faults=self.faults)
        show_traffic(self.console, figures)
        return figures

    def _drift(self, simulator: Simulator) -> Drift:
        ours = asyncio.run(local_stock(self.service.environment["DATABASE_URL"], self.user_id))
        return compare(ours, simulator.stock())


def _describe(changes: Changes) -> str:
    return f"Again, after CardTrader changed {changes.changed:,} products and lost {changes.gone:,}"
