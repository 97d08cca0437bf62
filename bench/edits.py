"""`edits`: ten thousand accepted price edits, until each is verified at CardTrader.

They are accepted while the account is suspended, so that none is sent before the clock starts; linking it again lets
them go. The clock ends when no change is open. Requests are those the simulator counted from the link on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import asyncpg
import httpx

from bench import checks
from bench.campaign import Say
from bench.errors import BenchError, WrongResult
from bench.phases import PhaseUse, each, save_uses, used
from bench.rows import Origin, Row
from bench.syncing import Syncing
from bench.usage import Meter
from cli.demo.books import Simulator, compare, local_stock
from cli.demo.figures import Drift, LimitUse
from devstack.service import CARDTRADER_TOKEN, RunningService, ServiceOptions, start_service
from devstack.stack import DevStack

EDITS: Final = 10_000
_PRODUCTS: Final = 50_000
_AT_ONCE: Final = 16
_LOOK_SECONDS: Final = 0.2
_MOST_WAITED: Final = 600.0
_MOST_SECONDS: Final = 60.0
_MOST_REQUESTS: Final = 150
_SELLER: Final = uuid5(NAMESPACE_URL, "brx-sync:bench:edits")
_LISTINGS: Final = "SELECT id, price_cents FROM user_inventory_items WHERE user_id = $1 ORDER BY md5(id::text) LIMIT $2"
_OPEN: Final = "SELECT count(*) FROM item_changes WHERE user_id = $1 AND ended_at IS NULL"
_VERIFIED: Final = "SELECT count(*) FROM item_changes WHERE user_id = $1 AND state = 'verified'"


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds from the link until nothing was open, how many were verified, the simulator's books, what it all used."""

    seconds: float
    verified: int
    use: LimitUse
    drift: Drift
    uses: Sequence[PhaseUse] = ()


def run(directory: Path, results: Path, say: Say) -> list[Row]:
    """The row; the profile goes to `results`.

    Raises:
        WrongResult: a change was not verified, or the stocks differ.
    """
    say(f"edits, {EDITS:,}")
    with DevStack(directory, fresh=True, environ={}) as stack:
        service = start_service(stack, ServiceOptions(products=_PRODUCTS))
        try:
            meter = Meter.of(stack, service)
            syncing = Syncing(service, _SELLER, meter.cpu)
            asyncio.run(syncing.link(CARDTRADER_TOKEN))
            sync = asyncio.run(syncing.run())
            with httpx.Client(base_url=service.simulator_url, timeout=60) as http:
                simulator = Simulator(http)
                checks.require("edits", sync, checks.first_sync(_PRODUCTS), _drift(service, simulator))
                asyncio.run(_accept(service))
                http.delete("/control/limits").raise_for_status()
                with used(meter, "changes") as uses:
                    seconds, verified = asyncio.run(_settle(service, syncing))
                measured = Measured(seconds, verified, simulator.limit_use(), _drift(service, simulator), uses)
        finally:
            service.stop()
    origin = Origin.here()
    save_uses("edits", EDITS, origin, measured.uses, results)
    return [edits_row(measured, origin)]


def _drift(service: RunningService, simulator: Simulator) -> Drift:
    ours = asyncio.run(local_stock(service.environment["DATABASE_URL"], _SELLER))
    return compare(ours, simulator.stock())


async def _accept(service: RunningService) -> None:
    """Suspend, then edit listings through the API, several at once."""
    database = await asyncpg.connect(service.environment["DATABASE_URL"].replace("+asyncpg", "", 1))
    listings = await database.fetch(_LISTINGS, _SELLER, EDITS)
    await database.close()
    headers = {"Authorization": f"Bearer {service.access_token(_SELLER)}"}
    async with httpx.AsyncClient(base_url=f"{service.api_url}/api/v1/sync", headers=headers, timeout=60) as api:
        _require(await api.post(f"/disconnect/{_SELLER}"))
        await asyncio.gather(*(_edit(api, listings[first::_AT_ONCE]) for first in range(_AT_ONCE)))


async def _edit(api: httpx.AsyncClient, listings: Sequence[asyncpg.Record]) -> None:
    for listing in listings:
        body = {"price_cents": listing["price_cents"] + 1}
        _require(await api.put(f"/inventory/{_SELLER}/item/{listing['id']}", json=body))


def _require(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise BenchError(f"{answer.request.url.path} answered {answer.status_code}: {answer.text}")


async def _settle(service: RunningService, syncing: Syncing) -> tuple[float, int]:
    database = await asyncpg.connect(service.environment["DATABASE_URL"].replace("+asyncpg", "", 1))
    began = time.perf_counter()
    await syncing.link(CARDTRADER_TOKEN)
    while await database.fetchval(_OPEN, _SELLER):
        if time.perf_counter() - began > _MOST_WAITED:
            raise WrongResult(f"edits: changes are open after {_MOST_WAITED:g} s")
        await asyncio.sleep(_LOOK_SECONDS)
    seconds = time.perf_counter() - began
    verified = await database.fetchval(_VERIFIED, _SELLER)
    await database.close()
    return seconds, verified


def edits_row(measured: Measured, origin: Origin) -> Row:
    """Seconds against those the limit alone would take for the same requests.

    Raises:
        WrongResult: fast but wrong.
    """
    if measured.verified != EDITS or measured.drift.total or measured.use.windows_over_limit:
        raise WrongResult(
            f"edits: {measured.verified} of {EDITS} verified, drift {measured.drift.model_dump()}, "
            f"{measured.use.windows_over_limit} windows over the limit"
        )
    use, seconds = measured.use, round(measured.seconds, 2)
    floor = round(use.requests * use.window_seconds / use.limit, 2)
    return Row(
        name="edits",
        n=EDITS,
        value=seconds,
        unit="s",
        floor=floor,
        ratio=round(seconds / floor, 2),
        target="<= 60 s, <= 150 requests",
        met=seconds <= _MOST_SECONDS and use.requests <= _MOST_REQUESTS,
        note=f"n in price edits; {use.requests} requests, the floor is what the limit alone asks for them"
        + "".join(each(phase, EDITS) for phase in measured.uses),
        **origin.model_dump(),
    )
