"""One service of its own per size: cold, floor, and on wish the unchanged and the slightly changed stock again.

Protocol: fresh databases, workers warmed by one sync of another seller; before each measured sync VACUUM ANALYZE
and CHECKPOINT, as autovacuum and the checkpointer do in between; after it, counters and drift are checked.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
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
from devstack.simulators.cardtrader.control_models import NewSeller
from devstack.stack import DevStack

SELLER: Final = uuid5(NAMESPACE_URL, "brx-sync:bench")
FRACTION_CHANGED: Final = 0.01
FRACTION_GONE: Final = 0.001
_CHANGE_SEED: Final = 1
_WARMING: Final = NewSeller(products=40_000, seed=2, token="warming")  # noqa: S106 - opens nothing but a simulator
_WARMING_SELLER: Final = uuid5(NAMESPACE_URL, "brx-sync:bench:warming")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Cold:
    """A first sync, the peak memory of its busiest worker, and its floor's repetitions (none: not measured)."""

    sync: MeasuredSync
    peak_rss_mib: float
    floor: list[float]


@dataclass(frozen=True, slots=True)
class Campaign:
    """Everything measured on one size; `measured` has each sync and the workers' peak in MiB after it, by name."""

    products: int
    cold: Cold
    measured: Mapping[str, tuple[MeasuredSync, float]]


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
        floor = asyncio.run(floor_seconds(self.database_url, SELLER)) if with_floor else []
        if floor:
            self.say(f"  floor {', '.join(f'{seconds:.2f}' for seconds in floor)} s")
        return Cold(sync, peak, floor)

    def campaign(self) -> Campaign:
        """All three syncs."""
        cold = self.cold(with_floor=True)
        same = self._sync("bulk_same", checks.same_again(self.products)), self.meter.peak_worker_mib()
        changes = self.simulator.change(FRACTION_CHANGED, FRACTION_GONE, _CHANGE_SEED)
        delta = self._sync("bulk_delta", checks.after(self.products, changes)), self.meter.peak_worker_mib()
        measured = {"bulk_cold": (cold.sync, cold.peak_rss_mib), "bulk_same": same, "bulk_delta": delta}
        return Campaign(self.products, cold, measured)

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
                _warm(service, http, meter)
                syncing = Syncing(service, SELLER, meter.cpu)
                asyncio.run(syncing.link(CARDTRADER_TOKEN))
                yield Site(service, meter, Simulator(http), syncing, products, say)
        finally:
            service.stop()
    # Gigabytes; after a failure they stay, with the logs.
    shutil.rmtree(directory)


def _warm(service: RunningService, http: httpx.Client, meter: Meter) -> None:
    """One sync of another, small seller: workers run for days, so what they do once is nobody's first sync."""
    http.post("/control/sellers", json=_WARMING.model_dump()).raise_for_status()
    syncing = Syncing(service, _WARMING_SELLER, meter.cpu)
    asyncio.run(syncing.link(_WARMING.token))
    asyncio.run(syncing.run())
