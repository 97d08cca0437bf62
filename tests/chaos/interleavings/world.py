"""Everything one seed plays with: our API and activities, the simulator, and the schedule between them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx

from activities.cards.purchase_relay import PurchaseRelay
from activities.cards.relay import EventRelay, change_relay
from activities.cards.sync_relay import SyncRelay
from db.cards.open_syncs import OpenSync
from devstack.simulators.cardtrader.seller import Seller
from tests.chaos.interleavings.crowd import Crowd
from tests.chaos.interleavings.fakes import StandInPurchases, StandInSignals
from tests.chaos.interleavings.hands import Hands
from tests.chaos.interleavings.keeper import Keeper
from tests.chaos.interleavings.market import Bazaar, Movement, stock_of
from tests.chaos.interleavings.oversell import OversellWatch
from tests.chaos.interleavings.postman import Postman
from tests.chaos.interleavings.schedule import Died, Schedule, pause
from tests.chaos.interleavings.seams import Glance, PausingDatabase
from tests.chaos.interleavings.stand_in import StandIn
from tests.chaos.interleavings.story import Network, Post, Story
from tests.helpers.api import PREFIX, bearer, token_for

_REMOTE: Final = "http://cardtrader/api/v2"


@dataclass
class Weather:
    """The network of one seed; `calm` ends it."""

    network: Network
    rng: random.Random
    struck: int = 0

    def strikes(self, method: str, path: str) -> str:
        """See `seams.Weather`."""
        network = self.network
        if self.struck >= network.most:
            return ""
        chances = {"lost": network.lost, "refused": network.refused, "failing": network.failing}
        drawn, sum_ = self.rng.random(), 0.0
        for kind, chance in chances.items():
            sum_ += chance
            if drawn < sum_:
                self.struck += 1
                return kind
        return ""


@dataclass
class World:
    """One seed's. `http` is our API, `headers` the seller's."""

    story: Story
    rng: random.Random
    schedule: Schedule
    database: PausingDatabase
    glance: Glance
    http: httpx.AsyncClient
    user_id: UUID
    weather: Weather
    bazaar: Bazaar
    seller: Seller
    engine: StandIn
    signals: StandInSignals
    purchases: StandInPurchases
    watch: OversellWatch = field(init=False)
    crowd: Crowd = field(init=False)
    postman: Postman = field(init=False)
    hands: Hands = field(init=False)
    keeper: Keeper = field(init=False)
    post: Post = field(init=False)
    errors: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _commits: int = 0
    _repeated: int = 0

    def __post_init__(self) -> None:
        self.post = self.story.post
        self.headers = bearer(token_for(self.user_id))
        self.watch = OversellWatch(self.glance, self.user_id, stock_of(self.seller), lambda: set(self.engine.in_flight))
        self.bazaar.books.listener = self._moved
        self.crowd = Crowd(self.bazaar.market, self.seller, self.rng, self._acted)
        self.postman = Postman(
            self.http, self.user_id, secret=self.seller.secret, rng=self.rng, schedule=self.schedule, spawn=self.spawn
        )
        self.postman.announced = self.watch.announced
        self.hands = Hands(self.act, self.rows, self.rng, self.story.blueprints)
        self.keeper = Keeper(self.act, self.rows, self.rng, self.story.blueprints)
        self.engine.news_is_in = lambda: self.story.hurried or not self.postman.under_way
        self._relays = (
            EventRelay(self.database, self._poke, age=timedelta(0), rest=timedelta(0)),
            change_relay(self.database, self._poke_changes, age=timedelta(0), rest=timedelta(0)),
            PurchaseRelay(self.database, self._start_purchase, age=timedelta(0)),
            SyncRelay(self.database, self._is_driven, age=timedelta(0)),
        )

    def spawn(self, work: Awaitable[None]) -> None:
        """Have something done beside everything else; what it raises is a violation."""

        async def done() -> None:
            try:
                await work
            except Exception as error:
                self.errors.append(f"{type(error).__name__}: {error}")

        self._tasks.append(asyncio.create_task(done()))

    async def act(self, name: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        """One request of the seller to our API; None when there is no answer: it died, or its time ran out."""

        async def request() -> httpx.Response:
            await pause("arrive")
            headers = self.headers | options.pop("headers", {})
            return await self.http.request(method, PREFIX + path.format(user=self.user_id), headers=headers, **options)

        try:
            answer = await self.schedule.process(name, request)
        except Died:
            return None
        # On a slow machine a paused transaction outlasts the facade's patience.
        return None if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE else answer

    async def rest(self) -> None:
        """Play on until nobody is left."""
        await self.schedule.run(self._after_step)
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    def calm(self) -> None:
        """No more faults: from here on everything must come right."""
        self.weather.network = Network()
        self.post = self.signals.post = Post()
        self.schedule.pace = replace(self.schedule.pace, deaths=0, sticky=0.9)

    async def relay(self) -> bool:
        """Repeat what was lost, as the workers do every few seconds; whether anything was."""
        self._repeated = 0
        for relay in self._relays:
            await relay.relay()
        return self._repeated > 0

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Rows of our database, past all pauses; $1 is the seller."""
        return await self.glance.rows(query, self.user_id, *values)

    async def _after_step(self) -> None:
        if self.database.stock_commits != self._commits:
            self._commits, self.watch.changed = self.database.stock_commits, True
        await self.watch.check(f"step {self.schedule.steps}, {self.schedule.trace[-1] if self.schedule.trace else ''}")

    def _moved(self, movement: Movement) -> None:
        self.watch.moved(movement)

    def _acted(self, _action: str, order_id: int | None) -> None:
        self.watch.acted(order_id)
        for delivery in self.bazaar.collect():
            self.postman.take(delivery, self.post)

    # The relays look for all sellers, also for those that another seed has left with work.
    async def _poke(self, user_id: UUID) -> None:
        if user_id == self.user_id:
            self._repeated += 1
            self.signals.notify(user_id)

    async def _poke_changes(self, user_id: UUID) -> None:
        if user_id == self.user_id:
            self._repeated += 1
            self.signals.notify(user_id, "changes")

    async def _is_driven(self, sync: OpenSync) -> bool:
        """Asked at rest, when nothing runs any more."""
        return sync.user_id != self.user_id

    async def _start_purchase(self, user_id: UUID, operation_id: UUID, key: str) -> None:
        if user_id == self.user_id:
            self._repeated += 1
            await self.purchases.start(user_id, operation_id, key)
