"""`purchase`: 50 buyers, 10 items of 20 copies, more wishes than copies; judged by CardTrader's books.

The buyers come at their own times, 10 a second in all: what is measured is how long one waits, not how many queue.
The floor is what CardTrader alone takes: the same schedule of reads and increments sent straight to the simulator, for
another seller. The request limit is lifted on both sides: at 200 in 10 seconds it would be all that is seen.
"""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, uuid5

import asyncpg
import httpx
import numpy as np
import uvloop

from bench.campaign import Say
from bench.errors import WrongResult
from bench.phases import PhaseUse, each, save_uses, used
from bench.purchase_load import BUYERS, COPIES, ITEMS, Buy, Deal, come_true, wishes
from bench.rows import Origin, Row
from bench.syncing import Syncing
from bench.usage import Meter
from cli.demo.books import Stock
from devstack.service import CARDTRADER_TOKEN, RunningService, ServiceOptions, start_service
from devstack.simulators.cardtrader.control_models import NewSeller
from devstack.stack import DevStack

PER_SECOND: Final = 10
_PRODUCTS: Final = 10_000
# So wide that nobody waits; a slot of 15 microseconds is rounded up, which leaves late grants half a second.
_LIMIT: Final = 700_003
_MOST_ADDED_MS: Final = 60.0
_ENOUGH: Final = 1_000
_FLOOR: Final = NewSeller(products=_PRODUCTS, seed=2, token="floor")  # noqa: S106 - opens nothing but a simulator
_SELLER: Final = uuid5(NAMESPACE_URL, "brx-sync:bench:purchases")
_ITEMS: Final = """
SELECT id FROM unnest($2::text[]) WITH ORDINALITY AS wanted(product, place)
JOIN user_inventory_items ON user_id = $1 AND external_stock_id = product ORDER BY place
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """The deals of CardTrader alone and of ours, how many copies CardTrader sold of ours, and what both used."""

    floor: Sequence[Deal]
    ours: Sequence[Deal]
    sold: int
    uses: Sequence[PhaseUse] = ()


def run(directory: Path, results: Path, say: Say) -> list[Row]:
    """The row; the profile goes to `results`.

    Raises:
        WrongResult: the copies that CardTrader sold are not the purchases that were answered.
    """
    say(f"purchase, {BUYERS} buyers, {ITEMS} items of {COPIES} copies")
    with DevStack(directory, fresh=True, environ={}) as stack:
        variables = {"RATE_LIMIT_REQUESTS": str(_LIMIT), "RATE_LIMIT_BURST": "3"}
        service = start_service(stack, ServiceOptions(products=_PRODUCTS, variables=variables))
        try:
            meter = Meter.of(stack, service)
            shops = _prepare(service, meter)
            measured = uvloop.run(_measure(service, meter, *shops))
        finally:
            service.stop()
    require_honest(measured)
    origin = Origin.here()
    save_uses("purchase", len(measured.ours), origin, measured.uses, results)
    return [purchase_row(measured, origin)]


def _prepare(service: RunningService, meter: Meter) -> tuple[Stock, Stock]:
    """Two sellers, ours synchronised; the products of each that are bought, those of the warming last."""
    with httpx.Client(base_url=f"{service.simulator_url}/control", timeout=60) as site:
        site.patch("/knobs", json={"enforce_limits": False}).raise_for_status()
        site.post("/sellers", json=_FLOOR.model_dump()).raise_for_status()
        ours, floor = (_on_sale(site, token) for token in (CARDTRADER_TOKEN, _FLOOR.token))
        syncing = Syncing(service, _SELLER, meter.cpu)
        asyncio.run(syncing.link(CARDTRADER_TOKEN))
        asyncio.run(syncing.run())
    return ours, floor


def _on_sale(site: httpx.Client, token: str) -> Stock:
    """Products that now have as many copies as the benchmark wants."""
    body = site.get("/stock", params={"token": token}).raise_for_status().content
    chosen: Stock = np.load(io.BytesIO(body), allow_pickle=False)[: 2 * ITEMS]
    for number, product in enumerate(chosen["id"].tolist()):
        change = {"token": token, "quantity": COPIES if number < ITEMS else _ENOUGH}
        site.patch(f"/products/{product}", json=change).raise_for_status()
    return chosen


async def _measure(service: RunningService, meter: Meter, ours: Stock, floor: Stock) -> Measured:
    limits = httpx.Limits(max_connections=BUYERS, max_keepalive_connections=BUYERS, keepalive_expiry=2)
    headers = {"Authorization": f"Bearer {service.access_token(_SELLER)}"}
    items = await _item_ids(service.environment["DATABASE_URL"], ours)
    async with (
        httpx.AsyncClient(base_url=f"{service.api_url}/api/v1/sync", headers=headers, limits=limits, timeout=60) as api,
        httpx.AsyncClient(base_url=service.simulator_url, limits=limits, timeout=60) as site,
    ):
        for buy in (_at_cardtrader(site, floor[ITEMS:]), _here(api, items[ITEMS:])):
            await come_true(wishes(PER_SECOND, each=1), buy)
        with used(meter, "floor") as uses:
            alone = await come_true(wishes(PER_SECOND), _at_cardtrader(site, floor))
        with used(meter, "purchases") as our_uses:
            deals = await come_true(wishes(PER_SECOND), _here(api, items))
        return Measured(alone, deals, ITEMS * COPIES - await _left(site, ours[:ITEMS]), [*uses, *our_uses])


async def _item_ids(database_url: str, ours: Stock) -> list[int]:
    """Our ids of the products, in their order."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", "", 1))
    try:
        rows = await connection.fetch(_ITEMS, _SELLER, [str(product) for product in ours["id"].tolist()])
    finally:
        await connection.close()
    return [row["id"] for row in rows]


def _here(api: httpx.AsyncClient, items: Sequence[int]) -> Buy:
    async def buy(number: int) -> int:
        answer = await api.post(f"/purchase/{_SELLER}/item/{items[number]}", json={"purchaseQuantity": 1})
        return answer.status_code

    return buy


def _at_cardtrader(site: httpx.AsyncClient, products: Stock) -> Buy:
    headers = {"Authorization": f"Bearer {_FLOOR.token}"}

    async def buy(number: int) -> int:
        product = products[number]
        blueprint = {"blueprint_id": int(product["blueprint_id"])}
        (await site.get("/api/v2/products/export", params=blueprint, headers=headers)).raise_for_status()
        increment = f"/api/v2/products/{product['id']}/increment"
        return (await site.post(increment, json={"delta_quantity": -1}, headers=headers)).status_code

    return buy


async def _left(site: httpx.AsyncClient, ours: Stock) -> int:
    """Copies CardTrader still has of these products."""
    wanted = {"ids": ",".join(map(str, ours["id"].tolist())), "token": CARDTRADER_TOKEN}
    found = (await site.get("/control/products", params=wanted)).raise_for_status().json()
    return sum(int(product["quantity"]) for product in found)


def require_honest(measured: Measured) -> None:
    """Every copy is sold, to one buyer, and whoever got none was told so.

    Raises:
        WrongResult: lists every deviation.
    """
    answers = Counter(deal.status for deal in measured.ours)
    bought = answers.pop(HTTPStatus.OK, 0)
    answers.pop(HTTPStatus.BAD_REQUEST, None)
    deviations = [f"{count} answers {status}" for status, count in sorted(answers.items())]
    deviations += [f"{bought} bought, {measured.sold} sold"] if bought != measured.sold else []
    deviations += [f"{measured.sold} of {ITEMS * COPIES} sold"] if measured.sold != ITEMS * COPIES else []
    if deviations:
        raise WrongResult("purchase: " + "; ".join(deviations))


def purchase_row(measured: Measured, origin: Origin) -> Row:
    """How long the slowest but one percent of those who bought had to wait."""
    bought = [deal for deal in measured.ours if deal.status == HTTPStatus.OK]
    ours, floor = _milliseconds(bought, 99), _milliseconds(measured.floor, 99)
    return Row(
        name="purchase",
        n=len(measured.ours),
        value=ours,
        unit="ms (p99)",
        floor=floor,
        ratio=round(ours / floor, 2),
        target=f"p99 <= latency + {_MOST_ADDED_MS:.0f} ms; exactly {ITEMS * COPIES} sold",
        met=ours <= floor + _MOST_ADDED_MS and measured.sold == ITEMS * COPIES,
        note=f"n in wishes, {PER_SECOND} a second; {measured.sold} sold; median {_milliseconds(bought, 50)} ms, "
        f"floor's {_milliseconds(measured.floor, 50)} ms; slowest {_milliseconds(bought, 100)} ms"
        + "".join(each(use, len(measured.ours)) for use in measured.uses),
        **origin.model_dump(),
    )


def _milliseconds(deals: Sequence[Deal], percentile: float) -> float:
    return round(float(np.percentile([deal.seconds for deal in deals], percentile)) * 1000, 2)
