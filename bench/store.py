"""`store_update`: a shop's movements at a steady rate while central is down, against a bare commit.

The floor is what the database alone takes: one row updated and one inserted in a transaction, at the same rate, on a
connection of its own, right before and right after. Both are open loop: a movement is due at its moment, and late
counts. Beside the API run the workers, which find central away.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
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
from bench.rows import Origin, Row
from devstack.ports import LOOPBACK, free_port
from devstack.service import RunningService, ServiceOptions, start_service
from devstack.stack import DevStack
from workflows import task_queues

SECONDS: Final = 20
RATE: Final = 50
_SKUS: Final = 50
_WARMING: Final = 150
_STOCK: Final = 1_000_000
_MOST_RATIO: Final = 3.0
_STORE: Final = "bench"
_TILL: Final = uuid5(NAMESPACE_URL, "brx-sync:bench:store")
_LOCAL: Final = "/store/v1/local"
_FLOOR: Final = """
CREATE TABLE bench_stock (id int PRIMARY KEY, quantity bigint NOT NULL);
CREATE TABLE bench_queue
    (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stock_id int NOT NULL, delta bigint NOT NULL);
INSERT INTO bench_stock SELECT number, 1000000 FROM generate_series(0, 49) AS number
"""
_BOOKS: Final = """
SELECT (SELECT count(*) FROM store_changes WHERE kind = 'local'), (SELECT sum(quantity) FROM store_inventory)
"""
Act = Callable[[int], Awaitable[int]]
"""Moves one of the item of that number; the status of the answer."""


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds from the moment a movement was due, and the status of its answer."""

    seconds: float
    status: int


@dataclass(frozen=True, slots=True)
class Measured:
    """The floor's movements and ours; what the shop's own books say of ours."""

    floor: Sequence[Timed]
    ours: Sequence[Timed]
    booked: int
    moved: int


def run(directory: Path, say: Say) -> list[Row]:
    """The row.

    Raises:
        WrongResult: a movement was refused, lost or counted twice.
    """
    say(f"store, {RATE} movements per second for {SECONDS} s, central down")
    # Nobody listens there.
    nowhere = {"CENTRAL_API_BASE_URL": f"http://{LOOPBACK}:{free_port()}", "CENTRAL_SERVICE_SECRET": "bench"}
    with DevStack(directory, fresh=True, environ={}) as stack:
        options = ServiceOptions(products=10, workers={"worker": task_queues.ALL}, variables=nowhere)
        service = start_service(stack, options)
        try:
            measured = uvloop.run(_measure(service))
        finally:
            service.stop()
    require_honest(measured)
    return [update_row(measured, Origin.here())]


async def _measure(service: RunningService) -> Measured:
    token = service.access_token(_TILL, ["store"], store_id=_STORE)
    headers = {"Authorization": f"Bearer {token}"}
    database = await asyncpg.connect(service.environment["DATABASE_URL"].replace("+asyncpg", "", 1))
    async with httpx.AsyncClient(base_url=f"{service.api_url}{_LOCAL}", headers=headers, timeout=30) as http:
        await database.execute(_FLOOR)
        await _open(http)
        floor, ours = _bare(database), _here(http)
        for act in (floor, ours):
            await steadily(_WARMING, act)
        before = await steadily(SECONDS * RATE // 2, floor)
        told = await steadily(SECONDS * RATE, ours)
        after = await steadily(SECONDS * RATE // 2, floor)
        booked, left = await database.fetchrow(_BOOKS)
    await database.close()
    return Measured([*before, *after], told, booked - _SKUS - _WARMING, _SKUS * _STOCK - _WARMING - int(left))


async def _open(http: httpx.AsyncClient) -> None:
    for number in range(_SKUS):
        (await http.put(f"/inventory/B-{number}", json={"name": "bench"})).raise_for_status()
        (await http.post(f"/inventory/B-{number}/update", json={"delta": _STOCK})).raise_for_status()


def _here(http: httpx.AsyncClient) -> Act:
    async def move(number: int) -> int:
        return (await http.post(f"/inventory/B-{number}/update", json={"delta": -1})).status_code

    return move


def _bare(database: asyncpg.Connection) -> Act:
    turn = asyncio.Lock()

    async def move(number: int) -> int:
        async with turn, database.transaction():
            await database.execute("UPDATE bench_stock SET quantity = quantity - 1 WHERE id = $1", number)
            await database.execute("INSERT INTO bench_queue (stock_id, delta) VALUES ($1, -1)", number)
        return HTTPStatus.OK

    return move


async def steadily(count: int, act: Act, rate: float = RATE) -> list[Timed]:
    """That many movements, each at its moment, however long the others take."""
    began = time.perf_counter()
    return list(await asyncio.gather(*(_at(began + number / rate, number % _SKUS, act) for number in range(count))))


async def _at(due: float, item: int, act: Act) -> Timed:
    await asyncio.sleep(max(due - time.perf_counter(), 0))
    status = await act(item)
    return Timed(time.perf_counter() - due, status)


def require_honest(measured: Measured) -> None:
    """Every movement was accepted, and is in the books once.

    Raises:
        WrongResult: lists every deviation.
    """
    answers = Counter(timed.status for timed in measured.ours)
    accepted = answers.pop(HTTPStatus.OK, 0)
    deviations = [f"{count} answers {status}" for status, count in sorted(answers.items())]
    books = {"queued": measured.booked, "moved": measured.moved}
    deviations += [f"{accepted} accepted, {count} {name}" for name, count in books.items() if count != accepted]
    if deviations:
        raise WrongResult("store_update: " + "; ".join(deviations))


def update_row(measured: Measured, origin: Origin) -> Row:
    """How long the slowest but one percent took."""
    ours, floor = _milliseconds(measured.ours, 99), _milliseconds(measured.floor, 99)
    return Row(
        name="store_update",
        n=len(measured.ours),
        value=ours,
        unit="ms (p99)",
        floor=floor,
        ratio=round(ours / floor, 2),
        target=f"p99 <= {_MOST_RATIO:g} x",
        met=ours <= _MOST_RATIO * floor,
        note=f"n in movements, {RATE} a second, central down; median {_milliseconds(measured.ours, 50)} ms, "
        f"floor's {_milliseconds(measured.floor, 50)} ms",
        **origin.model_dump(),
    )


def _milliseconds(timed: Sequence[Timed], percentile: float) -> float:
    return round(float(np.percentile([one.seconds for one in timed], percentile)) * 1000, 2)
