"""`webhook_ack` and `webhook_effect`: signed order webhooks at 200 per second against one API process.

The seller is a large one. Beside the API run the workers, which read the sold blueprints again one by one, as fast as
CardTrader's limit allows, as they would in earnest.
The floor is the same application checking the signature only, with the same sender and the same letters' size. The
effect is watched on a sample, by another connection to the database: the row of `order_lines` is committed with the
lowered stock, and stays when a re-read has settled the row. What each process used is in the profile.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import asyncpg
import httpx
import numpy as np
import uvloop

from bench import checks
from bench.campaign import Say
from bench.errors import WrongResult
from bench.phases import PhaseUse, each, save_uses, used
from bench.rows import Origin, Row
from bench.syncing import Syncing
from bench.usage import Meter
from bench.webhook_floor import PATH, SECRET_VARIABLE
from bench.webhook_load import Delivery, Letter, deliver, letters
from bench.webhook_watch import SAMPLE, Watch
from cli.demo.books import Simulator, Stock, compare, local_stock
from devstack.ports import LOOPBACK, free_port
from devstack.service import CARDTRADER_TOKEN, RunningService, ServiceOptions, start_service
from devstack.stack import DevStack

SECONDS: Final = 60
RATE: Final = 200
_PRODUCTS: Final = 300_000
_WARMING_SECONDS: Final = 3
_MOST_ACK_MS: Final = 25.0
_MOST_RATIO: Final = 3.0
_MOST_EFFECT_MS: Final = 300.0
_GRACE_SECONDS: Final = 10.0
_FIRST_ORDER: Final = 1_000_000_000
_FLOOR: Final = "floor"
_SELLER: Final = uuid5(NAMESPACE_URL, "brx-sync:bench:webhooks")
_BOOKS: Final = """
SELECT (SELECT count(*) FROM webhook_inbox WHERE user_id = $1),
       (SELECT coalesce(sum(quantity), 0) FROM order_lines WHERE user_id = $1 AND decrement_applied)
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """Deliveries to the floor and to us, seconds until sampled sales lowered the stock, and what both loads used."""

    floor: Sequence[Delivery]
    ours: Sequence[Delivery]
    effects: Sequence[float]
    uses: Sequence[PhaseUse] = ()


def run(directory: Path, results: Path, say: Say, seconds: int = SECONDS) -> list[Row]:
    """Both rows; the profile of the load goes to `results`.

    Raises:
        WrongResult: a webhook was refused, lost or counted twice.
    """
    say(f"webhook, {RATE} per second for {seconds} s")
    with DevStack(directory, fresh=True, environ={}) as stack:
        service = start_service(stack, ServiceOptions(products=_PRODUCTS))
        try:
            order, stock, secret = _prepare(stack, service)
            with _floor(stack, service, secret) as (floor_url, floor_pid):
                letter_count = (_WARMING_SECONDS + seconds) * RATE
                ready = letters(order, stock, secret, _FIRST_ORDER, letter_count)
                meter = Meter({**Meter.of(stack, service).groups, _FLOOR: (floor_pid,)})
                measured = uvloop.run(_measure(service, meter, floor_url, ready))
        finally:
            service.stop()
    origin = Origin.here()
    save_uses("webhook_ack", seconds, origin, measured.uses, results)
    return [ack_row(measured, seconds, origin), effect_row(measured, seconds, origin)]


def _prepare(stack: DevStack, service: RunningService) -> tuple[bytes, Stock, str]:
    """A synchronised seller; an order of its shop, its stock and its secret."""
    with httpx.Client(base_url=service.simulator_url, timeout=60) as http:
        syncing = Syncing(service, _SELLER, Meter.of(stack, service).cpu)
        asyncio.run(syncing.link(CARDTRADER_TOKEN))
        sync, simulator = asyncio.run(syncing.run()), Simulator(http)
        ours = asyncio.run(local_stock(service.environment["DATABASE_URL"], _SELLER))
        stock = simulator.stock()
        checks.require("webhook", sync, checks.first_sync(_PRODUCTS), compare(ours, stock))
        [seller] = http.get("/control/sellers").raise_for_status().json()
        order = http.post("/control/sell", json={"random_lines": 1}).raise_for_status().content
    return order, stock, str(seller["shared_secret"])


@contextmanager
def _floor(stack: DevStack, service: RunningService, secret: str) -> Iterator[tuple[str, int]]:
    """Its address and its process."""
    port = free_port()
    command = (sys.executable, "-m", "bench.webhook_floor", str(port))
    variables = {**service.environment, SECRET_VARIABLE: secret}
    process = stack.spawn("webhook-floor", command, grace_seconds=_GRACE_SECONDS, **variables)
    url = f"http://{LOOPBACK}:{port}"
    process.wait_ready(lambda: _answers(f"{url}/health/live"))
    yield url + PATH, process.pid
    process.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


async def _measure(service: RunningService, meter: Meter, floor_url: str, ready: list[Letter]) -> Measured:
    url = f"{service.api_url}/api/v1/sync/webhook/user/{_SELLER}"
    warming, sent = ready[: _WARMING_SECONDS * RATE], ready[_WARMING_SECONDS * RATE :]
    await deliver(floor_url, warming, RATE)
    with used(meter, _FLOOR) as uses:
        floor = await deliver(floor_url, sent, RATE)
    database = await asyncpg.connect(service.environment["DATABASE_URL"].replace("+asyncpg", "", 1))
    try:
        await deliver(url, warming, RATE)
        watch = Watch(database, _SELLER)
        async with watch.running():
            with used(meter, "webhooks") as ours_uses:
                ours = await deliver(url, sent, RATE, watch)
        stored, sold = await database.fetchrow(_BOOKS, _SELLER)
    finally:
        await database.close()
    require_complete(len(ready), floor, ours, stored, sold)
    return Measured(floor, ours, watch.effects, [*uses, *ours_uses])


def require_complete(sent: int, floor: Sequence[Delivery], ours: Sequence[Delivery], stored: int, sold: int) -> None:
    """Every webhook was acknowledged, stored once, and its copy taken off once.

    Raises:
        WrongResult: lists every deviation.
    """
    refused = [delivery.status for delivery in (*floor, *ours) if delivery.status != 200]
    deviations = [f"{len(refused)} were not acknowledged (first: {refused[0]})"] if refused else []
    deviations += [f"{stored} of {sent} were stored"] if stored != sent else []
    deviations += [f"{sold} copies of {sent} were taken off"] if sold != sent else []
    if deviations:
        raise WrongResult("webhook: " + "; ".join(deviations))


def ack_row(measured: Measured, seconds: int, origin: Origin) -> Row:
    """The slowest but one percent of the answers, against the floor's."""
    ours, floor = _milliseconds(measured.ours, 99), _milliseconds(measured.floor, 99)
    ratio = round(ours / floor, 2)
    return Row(
        name="webhook_ack",
        n=seconds,
        value=ours,
        unit="ms (p99)",
        floor=floor,
        ratio=ratio,
        target="p99 <= 25 ms and <= 3 x, none lost",
        met=ours <= _MOST_ACK_MS and ratio <= _MOST_RATIO,
        note=f"n in seconds of {RATE} webhooks each; median {_milliseconds(measured.ours, 50)} ms, "
        f"floor's {_milliseconds(measured.floor, 50)} ms; slowest {_milliseconds(measured.ours, 100)} ms"
        + "".join(each(use, use.seconds * RATE) for use in measured.uses),
        **origin.model_dump(),
    )


def effect_row(measured: Measured, seconds: int, origin: Origin) -> Row:
    """Until a sale has lowered the stock, counted from its sending."""
    effects = [Delivery(effect, 200) for effect in measured.effects]
    slow = _milliseconds(effects, 99)
    return Row(
        name="webhook_effect",
        n=seconds,
        value=slow,
        unit="ms (p99)",
        target="p99 <= 300 ms",
        met=slow <= _MOST_EFFECT_MS,
        note=f"n in seconds of {RATE} webhooks each, every {SAMPLE}th watched; "
        f"median {_milliseconds(effects, 50)} ms, slowest {_milliseconds(effects, 100)} ms",
        **origin.model_dump(),
    )


def _milliseconds(deliveries: Sequence[Delivery], percentile: float) -> float:
    return round(float(np.percentile([delivery.seconds for delivery in deliveries], percentile)) * 1000, 2)
