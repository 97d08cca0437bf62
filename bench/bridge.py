"""`bridge_cold` and `bridge_delta`: the ERP's items at the hub, all new, and again with one row in a hundred changed.

Protocol: a fresh service with two workers for pages; the items' sites are synchronised first, which warms it. A batch
is a full sync over the API in pages of 10,000, timed from its start to the moment its end is seen. Both sides are then
compared by digest over all members. In the same run, on the same database server: the floor, and dlt's upsert merge of
the same ERP, over dicts and over Arrow, whose tables are compared by digest too; its second merge is that of the form
which was faster. dlt does fewer stages: no hub, no hashes, no rules, no watermark. Every figure shares the machine with
the simulators.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from bench.bridge_contents import dlt_digest
from bench.bridge_floor import floor_seconds
from bench.bridge_rows import Measured, cold_row, delta_row, used
from bench.campaign import Say
from bench.errors import WrongResult
from bench.floor import settle
from bench.peer import Form, NoPeer, Peer
from bench.phases import used as phase_used
from bench.rows import Origin, Row
from bench.usage import Meter, difference
from cli.bridge_demo.contents import digest, expected, held
from cli.bridge_demo.entities import ITEMS, SITES, DemoEntity
from cli.bridge_demo.figures import BatchFigures
from cli.bridge_demo.neighbours import Neighbours
from cli.bridge_demo.performance import OPERATOR
from cli.bridge_demo.syncing import Bridge
from devstack.service import RunningService, ServiceOptions, start_service
from devstack.simulators.apismith.erp import Sizes
from devstack.simulators.neighbour.tokens import STATIC_TOKEN
from devstack.stack import DevStack

ROWS: Final = 1_000_000
PAGE: Final = 10_000
_CHANGED_EVERY: Final = 100
_FORMS: Final[tuple[Form, ...]] = ("dicts", "arrow")
_WORKERS: Final = {
    "worker-bulk-1": ("bulk-sync",),
    "worker-bulk-2": ("bulk-sync",),
    "worker-other": ("high-priority", "default"),
}


@dataclass
class Site:
    """A running service with its ERP, and dlt beside it (None: it cannot be had, `without` says why).

    `wanted`: digest of what the ERP held when it was last synchronised.
    """

    service: RunningService
    meter: Meter
    bridge: Bridge
    neighbours: Neighbours
    rows: int
    say: Say
    peer: Peer | None
    without: str = ""
    measured: Measured = field(default_factory=Measured)
    wanted: str = ""

    @property
    def database_url(self) -> str:
        """Of the service, and of the floor."""
        return self.service.environment["DATABASE_URL"]

    def run(self) -> Measured:
        """Everything, in order.

        Raises:
            WrongResult: a sync did not do its work, or the two sides differ.
        """
        for entity in (SITES, ITEMS):
            self.bridge.define(entity)
        self._sync(SITES, "warming", "full", {})
        asyncio.run(settle(self.database_url))
        self.measured.floor = asyncio.run(floor_seconds(self.database_url, list(self.neighbours.rows("items"))))
        self.measured.cold = self._sync(ITEMS, "bridge_cold", "full", {"inserted": self.rows})
        self.measured.dlt_cold = self._peers("bridge_cold", _FORMS)
        changed = len(self.neighbours.move("change", "items", self.rows // _CHANGED_EVERY))
        same = {"updated": changed, "skipped": self.rows - changed}
        self.measured.delta = self._sync(ITEMS, "bridge_delta", "full", same)
        faster = sorted(self.measured.dlt_cold, key=self.measured.dlt_cold.__getitem__)[:1]
        self.measured.dlt_delta = self._peers("bridge_delta", faster)
        # The rows at the watermark are fetched again; how many those are is the watermark's matter.
        changed = len(self.neighbours.move("change", "items", self.rows // _CHANGED_EVERY, seed=2))
        self.measured.incremental = self._sync(ITEMS, "incremental", "incremental", {"updated": changed})
        self.measured.peak_rss_mib = self.meter.peak_worker_mib()
        return self.measured

    def _sync(self, entity: DemoEntity, name: str, sync_type: str, fates: Mapping[str, int]) -> float:
        asyncio.run(settle(self.database_url))
        before = self.meter.cpu()
        figures, seconds = self.bridge.timed(entity, sync_type, PAGE)
        self.measured.cpu[name] = difference(self.meter.cpu(), before)
        require(name, figures, fates)
        self.wanted = digest(expected(self.neighbours.rows(entity.name), entity))
        if self.wanted != digest(held(self.neighbours.records(entity.name))):
            raise WrongResult(f"{name}: the hub holds other contents than the ERP")
        self.say(f"  {name} {seconds:.2f} s; {used(self.measured.cpu[name])}")
        return seconds

    def _peers(self, beside: str, forms: Iterable[Form]) -> dict[Form, float]:
        return {form: self._load(self.peer, form, beside) for form in forms} if self.peer else {}

    def _load(self, peer: Peer, form: Form, beside: str) -> float:
        asyncio.run(settle(self.database_url))
        url = self.database_url.replace("+asyncpg", "", 1)
        with phase_used(self.meter, f"dlt on {form}") as uses:
            seconds = peer.load(form, self.service.apismith_url, STATIC_TOKEN, url)
        self.measured.peers.setdefault(beside, []).extend(uses)
        theirs = asyncio.run(dlt_digest(url, form))
        if theirs != self.wanted:
            raise WrongResult(f"dlt on {form}: its table holds other contents than the ERP")
        self.say(f"  dlt on {form} {seconds:.2f} s; CPU s: {uses[0].cpu_seconds['machine busy']:.1f} of the machine")
        return seconds


def run(directory: Path, results: Path, rows: int, say: Say) -> list[Row]:
    """Both rows; the profiles go to `results`.

    Raises:
        WrongResult: as above.
    """
    say(f"bridge, {rows:,} rows x 12 fields")
    with site(directory, rows, say) as at:
        measured = at.run()
    origin = Origin.here()
    for name, seconds in (("bridge_cold", measured.cold), ("bridge_delta", measured.delta)):
        measured.profile(name, rows, seconds, origin).save(results)
    return [cold_row(rows, measured, at.without, origin), delta_row(rows, measured, at.without, origin)]


@contextmanager
def site(directory: Path, rows: int, say: Say) -> Iterator[Site]:
    """A fresh service in that directory; everything ends with the block."""
    peer, without = _peer(directory.with_name("peer"))
    with DevStack(directory, fresh=True, environ={}) as stack, ExitStack() as opened:
        options = ServiceOptions(products=100, erp=Sizes(20, rows, 0, 0), workers=_WORKERS)
        service = start_service(stack, options)
        opened.callback(service.stop)
        headers = {"Authorization": f"Bearer {service.access_token(OPERATOR, ('operator', 'reader'))}"}
        address = f"{service.api_url}/bridge/api/v1"
        api = opened.enter_context(httpx.Client(base_url=address, headers=headers, timeout=60))
        control = opened.enter_context(httpx.Client(timeout=600))
        neighbours = Neighbours(control, service.apismith_url, service.schedulehub_url)
        yield Site(service, Meter.of(stack, service), Bridge(api), neighbours, rows, say, peer, without)
    # Gigabytes; after a failure they stay, with the logs.
    shutil.rmtree(directory)


def require(name: str, figures: BatchFigures, fates: Mapping[str, int]) -> None:
    """It completed, conserved its rows, and these fates are those of so many.

    Raises:
        WrongResult: lists every deviation.
    """
    found = {fate: getattr(figures, f"rows_{fate}") for fate in fates}
    deviations = [f"{found[fate]} {fate}, not {wanted}" for fate, wanted in fates.items() if found[fate] != wanted]
    if figures.status != "completed":
        deviations.append(f"{figures.status}, not completed ({figures.error_code})")
    if not figures.conserved:
        deviations.append("its rows are not accounted for")
    if deviations:
        raise WrongResult(f"{name}: " + "; ".join(deviations))


def _peer(directory: Path) -> tuple[Peer | None, str]:
    try:
        peer = Peer.ensure(directory)
    except NoPeer as error:
        return None, str(error)
    # What its pipelines remember is of another run's database.
    for form in _FORMS:
        shutil.rmtree(directory / form, ignore_errors=True)
    return peer, ""
