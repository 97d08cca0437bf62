"""One service of its own per size: cold, floor, and on wish the unchanged and the slightly changed stock again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import httpx

from bench import checks
from bench.floor import floor_seconds, settle
from bench.syncing import MeasuredSync, Syncing
from bench.usage import Meter
from cli.demo.books import Simulator, compare, local_stock
from devstack.service import CARDTRADER_TOKEN, RunningService, ServiceOptions, start_service
from devstack.stack import DevStack

SELLER: Final = uuid5(NAMESPACE_URL, "brx-sync:bench")
FRACTION_CHANGED: Final = 0.01
FRACTION_GONE: Final = 0.001
_CHANGE_SEED: Final = 1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cold:
    """A first sync, the peak memory of its busiest worker, and its floor's repetitions (none: not measured)."""

    sync: MeasuredSync
    peak_rss_mib: float
    floor: list[float]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Everything measured on one size."""

    products: int
    cold: Cold
    same: MeasuredSync
    same_peak_mib: float
    delta: MeasuredSync
    delta_peak_mib: float


@dataclass(frozen=True)
class Site:
    """A running service with one linked seller of `products` products."""

    service: RunningService
    meter: Meter
    simulator: Simulator
    syncing: Syncing
    products: int
    say: Say

    @property
    def database_url(self) -> str:
        """Of the service."""
        return self.service.environment["DATABASE_URL"]

    def cold(self, *, with_floor: bool) -> Cold:
        """The first sync.

        Raises:
            WrongResult: it did not do its work.
        """
        sync = self._sync("bulk_cold", checks.first_sync(self.products))
        peak = self.meter.peak_worker_mib()
        asyncio.run(settle(self.database_url))
        floor = asyncio.run(floor_seconds(self.database_url)) if with_floor else []
        if floor:
            self.say(f"  floor {', '.join(f'{seconds:.2f}' for seconds in floor)} s")
        return Cold(sync, peak, floor)

    def campaign(self) -> Campaign:
        """All three syncs."""
        cold = self.cold(with_floor=True)
        same = self._sync("bulk_same", checks.same_again(self.products))
        same_peak = self.meter.peak_worker_mib()
        changes = self.simulator.change(FRACTION_CHANGED, FRACTION_GONE, _CHANGE_SEED)
        delta = self._sync("bulk_delta", checks.after(self.products, changes))
        return Campaign(self.products, cold, same, same_peak, delta, self.meter.peak_worker_mib())

    def _sync(self, name: str, expected: checks.Expected) -> MeasuredSync:
        asyncio.run(settle(self.database_url))
        sync = asyncio.run(self.syncing.run())
        ours = asyncio.run(local_stock(self.database_url, self.syncing.user_id))
        checks.require(name, sync, expected, compare(ours, self.simulator.stock()))
        self.say(f"  {name} {sync.seconds:.2f} s, {sync.events} events")
        return sync


@contextmanager
def site(directory: Path, products: int, say: Say) -> Iterator[Site]:
    """A fresh service in that directory; everything ends with the block."""
    say(f"bulk, {products:,} products")
    with DevStack(directory, fresh=True, environ={}) as stack:
        service = start_service(stack, ServiceOptions(products=products))
        try:
            with httpx.Client(base_url=service.simulator_url, timeout=600) as http:
                meter = Meter.of(stack, service)
                syncing = Syncing(service, SELLER, meter.cpu)
                asyncio.run(syncing.link(CARDTRADER_TOKEN))
                yield Site(service, meter, Simulator(http), syncing, products, say)
        finally:
            service.stop()
    # Gigabytes; after a failure they stay, with the logs.
    shutil.rmtree(directory)
