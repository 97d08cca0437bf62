"""Everything one seed plays with: our API and activities, central's simulator, and the schedule between them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from activities.store.passes import StorePasses
from activities.store.relay import StoreRelay
from activities.store.wiring import store_activities
from clients.central import CentralClient, Credentials
from devstack.simulators.central.central import SERVICE_NAME, SERVICE_SECRET, Central
from tests.chaos.interleavings.schedule import Died, Schedule, pause
from tests.chaos.interleavings.seams import Glance, PausingDatabase, ShakyTransport
from tests.chaos.interleavings.stand_in import StandIn, by_name
from tests.chaos.interleavings.story import Network
from tests.chaos.interleavings.world import Weather
from tests.chaos.store.plot import Plot
from tests.helpers.store_api import PREFIX, FakeStoreSignals, as_store
from tests.helpers.store_floor import CENTRAL_URL, Floor, Wire
from workflows.store.contracts import StorePushState, store_push_id
from workflows.store.push import StorePushWorkflow

_BROKEN = """
SELECT sku, quantity, opening + moved AS ledger, central_quantity + owed AS law FROM store_inventory AS i,
LATERAL (SELECT coalesce(sum(delta), 0) AS moved,
                coalesce(sum(delta) FILTER (WHERE completed_at IS NULL), 0) AS owed
         FROM store_changes WHERE item_id = i.id) AS sums
WHERE store_id = $1 AND (quantity <> opening + moved OR quantity <> coalesce(central_quantity + owed, quantity))
"""
_GLANCE_EVERY = 7


@dataclass
class Switchboard(FakeStoreSignals):
    """Pokes the workflow of the world that is on, or loses the poke."""

    world: World | None = None

    def notify(self, store_id: str) -> None:
        """Poke."""
        if self.world is not None:
            self.world.poked(store_id)


@dataclass
class World:
    """One seed's."""

    plot: Plot
    rng: random.Random
    schedule: Schedule
    database: PausingDatabase
    glance: Glance
    http: httpx.AsyncClient
    central: Central
    unsaid: float = 0.0
    errors: list[str] = field(default_factory=list)
    answers: dict[UUID, tuple[int, Any]] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store_id = f"seed-{self.plot.seed}"
        self.headers = as_store(self.store_id)
        self.skus = [f"SKU-{number}" for number in range(len(self.plot.quantities))]
        self.weather = Weather(self.plot.network, self.rng)
        self.unsaid = self.plot.unsaid
        self.floor = Floor(
            self.database, self.http, self.central, Wire(self.central), FakeStoreSignals(), self.store_id
        )
        self.engine = StandIn(self.schedule, by_name(self._activities()))
        self.relay = StoreRelay(self.database, self._poke, age=timedelta(0), rest=timedelta(0))
        self.told = 0

    def _activities(self) -> dict[Any, Any]:
        remote = ShakyTransport(self.floor.wire, self.weather)
        credentials = Credentials(SERVICE_NAME, SecretStr(SERVICE_SECRET))
        client = CentralClient.connect(httpx.AsyncClient(transport=remote), CENTRAL_URL, credentials)
        queues = store_activities(
            self.database, client, self._poke, interval=timedelta(minutes=15), kept=timedelta(days=90)
        )
        # The waits are the database's clock's: here a wait is over when the schedule says so.
        passes = StorePasses(self.database, client, backoff=lambda _: timedelta(0))
        [(queue, activities)] = queues.items()
        return {queue: [*activities, passes.push_changes, passes.read_stock]}

    async def open(self) -> None:
        """Stock in both places."""
        for sku, quantity in zip(self.skus, self.plot.quantities, strict=True):
            self.central.books.open_item(sku, quantity)
            await self.floor.ok("PUT", f"/inventory/{sku}", {"name": sku})
        await self.floor.read()
        await self.floor.ok("PUT", "/settings", {"conflict_strategy": self.plot.strategy})

    def begin(self) -> None:
        """Let everybody who takes part loose."""
        parts: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]]
        parts = [("mover", partial(self._move, count)) for count in self.plot.movers]
        parts += [("elsewhere", self._elsewhere), ("tokens", self._forget), ("person", self._decide)]
        for name, part in parts:
            self.spawn(self.schedule.process(name, part, mortal=False))

    def spawn(self, work: Awaitable[None]) -> None:
        """Have something done beside everything else; what it raises is a violation."""

        async def done() -> None:
            try:
                await work
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}")

        self._tasks.append(asyncio.create_task(done()))

    async def rest(self) -> None:
        """Play on until nobody is left."""
        await self.schedule.run(self._after_step)
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    def calm(self) -> None:
        """No more faults: from here on everything must come right."""
        self.weather.network, self.unsaid = Network(), 0.0
        self.schedule.pace = replace(self.schedule.pace, deaths=0, sticky=0.9)

    def poked(self, store_id: str) -> None:
        """A signal for the shop, unless it is lost."""
        if store_id == self.store_id and self.rng.random() >= self.unsaid:
            state = StorePushState(store_id=store_id, passes_per_run=self.plot.passes_per_run)
            self.engine.signal_with_start(StorePushWorkflow, state, store_push_id(store_id), "changes_pending")

    async def ask(self, method: str, path: str, body: object = None) -> httpx.Response | None:
        """One request of the shop, which may die; None when there is no answer."""

        async def request() -> httpx.Response:
            await pause("arrive")
            return await self.http.request(method, PREFIX + path, json=body, headers=self.headers)

        try:
            answer = await self.schedule.process(f"{method} {path}", request)
        except Died:
            return None
        # On a slow machine a paused transaction outlasts the facade's patience.
        return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

    async def _move(self, count: int) -> None:
        """Sales and deliveries; who gets no answer asks again, and who got one may ask again as well."""
        for _ in range(count):
            sku, delta = self.rng.choice(self.skus), self.rng.choice((-4, -3, -2, -1, -1, 1, 2, 5))
            operation = UUID(int=self.rng.getrandbits(128), version=4)
            body = {"delta": delta, "operation_id": str(operation), "version": self.rng.choice((None, 0, 1, 9))}
            while (answer := await self.ask("POST", f"/inventory/{sku}/update", body)) is None:
                await pause("ask again")
            self.answers[operation] = (answer.status_code, answer.json())
            if answer.is_success and self.rng.random() < 0.3:
                again = await self.ask("POST", f"/inventory/{sku}/update", body)
                if again is not None and (again.status_code, again.json()) != self.answers[operation]:
                    self.errors.append(f"{operation}: told {again.text} the second time")

    async def _elsewhere(self) -> None:
        for _ in range(self.plot.elsewhere):
            await pause("somebody else")
            self.central.books.move(self.rng.choice(self.skus), self.rng.choice((-5, -2, -1, 1, 3)))

    async def _forget(self) -> None:
        for _ in range(self.plot.forgotten):
            await pause("tokens expire")
            self.central.forget_tokens()

    async def _decide(self) -> None:
        for _ in range(self.plot.people):
            await self.decide()

    async def held(self) -> list[UUID]:
        """What waits for a person."""
        rows = await self.glance.rows(
            "SELECT operation_id FROM store_changes WHERE store_id = $1 AND completed_at IS NULL"
            " AND status IN ('conflict', 'failed') ORDER BY id",
            self.store_id,
        )
        return [row["operation_id"] for row in rows]

    async def decide(self) -> None:
        """A person looks at what waits for a decision, and decides about one."""
        await pause("a person looks")
        if held := await self.held():
            decision = self.rng.choice(("retry", "discard"))
            answer = await self.ask("POST", f"/sync/{decision}/{self.rng.choice(held)}")
            if answer is not None and answer.status_code not in (200, 409):
                self.errors.append(f"{decision}: {answer.status_code} {answer.text}")

    async def trigger(self) -> None:
        """Everything is due."""
        await self.ask("POST", "/sync/trigger")

    async def _poke(self, store_id: str) -> None:
        if store_id == self.store_id:
            self.told += 1
            self.poked(store_id)

    async def _after_step(self) -> None:
        if self.schedule.steps % _GLANCE_EVERY == 0:
            await self.look()

    async def look(self) -> None:
        """The ledger and the law, at any moment."""
        for row in await self.glance.rows(_BROKEN, self.store_id):
            self.errors.append(f"step {self.schedule.steps}: {dict(row)}")
