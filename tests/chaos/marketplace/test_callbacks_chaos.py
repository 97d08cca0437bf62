"""Two phases: events are published while relays and workers are killed; then the receiver is asked for each of them.

`make chaos` publishes 5,000 with seed 0, every other seed a few dozen; `CHAOS_EVENTS=5000` says how many for all.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from cryptography.fernet import Fernet

from db.marketplace import outbox
from db.session import Database
from db.vault import Vault
from devstack import DevStack, create_database
from devstack.ports import free_port
from devstack.simulators.callbacks.app import create_app
from devstack.simulators.callbacks.receiver import Manners, Receiver
from domain.marketplace.events import Event
from tests.chaos.report import Report
from tests.helpers import eventually
from tests.helpers.marketplace import Organization
from tests.helpers.migrations import migrate

FEW, MANY = 60, 5_000
EVENTS_PER_BLOW = 400
AT_ONCE = 25
KEY = Fernet.generate_key().decode()


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[tuple[str, Receiver]]:
    """Address and books."""
    books, port = Receiver(), free_port()
    config = uvicorn.Config(create_app(books), host="127.0.0.1", port=port, access_log=False, log_level="critical")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    yield f"http://127.0.0.1:{port}/webhook", books
    server.should_exit = True
    await task


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevStack]:
    """Servers of their own, whose queues no other worker polls."""
    directory = tmp_path_factory.mktemp("callbacks")
    with DevStack(directory, services={"postgres", "valkey", "temporal"}, durable=False, environ={}) as running:
        yield running


async def publish(organization: Organization, count: int, rng: random.Random) -> set[str]:
    """So many events, each in a transaction of its own; before a tenth of them one that fails, and tells nothing."""
    room, told = asyncio.Semaphore(AT_ONCE), set[str]()

    async def tell(number: int, *, fails: bool) -> None:
        async with organization.database.begin() as connection:
            event = Event("sync.completed", organization.id, str(uuid4()), {"number": number})
            event_id = await outbox.record(connection, event)
            if fails:
                await connection.rollback()
                return
        told.add(str(event_id))

    async def one(number: int, *, after_a_failure: bool) -> None:
        async with room:
            if after_a_failure:
                await tell(number, fails=True)
            await tell(number, fails=False)

    await asyncio.gather(*(one(number, after_a_failure=rng.random() < 0.1) for number in range(count)))
    assert len(told) == count
    return told


def events_of(seed: int) -> int:
    """How many are published with a seed."""
    is_long = bool(os.environ.get("CHAOS_SEEDS") or os.environ.get("CHAOS_SEED"))
    return int(os.environ.get("CHAOS_EVENTS", MANY if is_long and seed == 0 else FEW))


def reached(books: Receiver, inbox: str, progress: int) -> None:
    """So many events have arrived."""
    assert len(books.ids(inbox)) >= progress


async def while_it_moves(assertion: Callable[[], Coroutine[Any, Any, None] | None], books: Receiver) -> None:
    """Wait until it holds, for as long as requests keep coming: a busy machine may take its time."""
    while True:
        before = len(books.books)
        try:
            await eventually(assertion, 120, pause=0.3)
        except AssertionError:
            if len(books.books) == before:
                raise
        else:
            return


async def standing(organization: Organization, endpoint_id: UUID) -> tuple[int, int, int]:
    """(deliveries, highest number, delivered) of an endpoint."""
    (row,) = await organization.rows(
        "SELECT count(*) AS every, max(sequence) AS highest, count(*) FILTER (WHERE state = 'delivered') AS delivered"
        " FROM callback_deliveries WHERE endpoint_id = :id",
        id=endpoint_id,
    )
    return row.every, row.highest, row.delivered


@pytest.mark.timeout(3600)
async def test_no_event_is_lost_when_relays_and_workers_are_killed(
    stack: DevStack, receiver: tuple[str, Receiver], report: Report, seed: int
) -> None:
    rng, count, began = random.Random(seed), events_of(seed), time.monotonic()
    url, books = receiver
    database_url = await create_database(stack.env()["DATABASE_URL"], f"callbacks_{seed}")
    await migrate(database_url)
    variables = {
        "DATABASE_URL": database_url,
        "ENVIRONMENT": "test",
        "FERNET_KEY": KEY,
        "CALLBACK_ALLOW_LOOPBACK": "true",
        "CALLBACK_RETRY_SCHEDULE": "1s,1s,1s",
        "ORDER_SWEEP_SECONDS": "0",
        "RECONCILE_INTERVAL_HOURS": "0",
        "LOG_LEVEL": "WARNING",
        "WORKER_GRACE_SECONDS": "1",
        "WORKER_DEFAULT_SLOTS": "10",
    }
    argv = (sys.executable, "-m", "cli", "worker", "--queue", "high-priority", "--queue", "default")
    workers = [stack.spawn(f"worker-{seed}-{number}", argv, grace_seconds=1, **variables) for number in range(2)]
    database = Database.connect(database_url, pool_size=15)
    organization = Organization(database)
    secret = Vault([KEY]).encrypt("whsec_" + "c2VjcmV0" * 4)
    books.behave(f"ill-{seed}", Manners([500]))
    books.behave(f"moody-{seed}", Manners([500, 500, 500, 200]))
    well, moody, _ = [
        await organization.listen(f"{url}/{name}-{seed}", sealed=secret) for name in ("well", "moody", "ill")
    ]
    # Blows follow the progress, so that a slow machine gets no more of them than a fast one.
    blows = sorted(rng.sample(range(1, count * 3 // 4), max(2, count // EVENTS_PER_BLOW)))
    publishing = asyncio.create_task(publish(organization, count, rng))
    for progress in blows:
        await while_it_moves(partial(reached, books, f"well-{seed}", progress), books)
        victim = rng.randrange(len(workers))
        workers[victim] = await asyncio.to_thread(stack.respawn, workers[victim])
    told = await publishing

    def all_there() -> None:
        for name in ("well", "moody"):
            assert told - set(books.ids(f"{name}-{seed}")) == set()

    await while_it_moves(all_there, books)
    # What was rolled back is told to nobody, and the numbers have no gap.
    accepted = books.ids(f"well-{seed}")
    assert set(accepted) == told

    async def noted() -> None:
        for endpoint in (well, moody):
            assert await standing(organization, endpoint.id) == (len(told),) * 3

    await while_it_moves(noted, books)
    # Twice is allowed, where a worker died between the answer and its note: never as a rule.
    twice = sum(accepted.values()) - len(told)
    assert twice <= len(blows) * 40
    report.remarks.append(
        f"call-backs, seed {seed}: {len(told)} events, {len(blows)} kills of a worker and its relay,"
        f" {twice} came twice, {len(told - set(accepted))} lost, {time.monotonic() - began:.0f} s"
    )
    for worker in workers:
        worker.kill()
    await database.close()
