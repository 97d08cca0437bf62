"""What seeds share, one after the other: servers, both applications, and what costs time to make."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

import asyncpg
import fastapi.dependencies.utils
import fastapi.routing
import httpx
from fastapi import FastAPI

from activities.cards.changes import AccountChanges
from activities.cards.purchase_waits import Patience as PurchasePatience
from activities.cards.purchases import Purchases
from activities.cards.rereading import BlueprintReader
from activities.cards.staging_area import StagingArea
from activities.cards.wiring import Resources, cards_activities
from activities.support import Activities
from api.cards.services import CardsServices
from api.main import create_app
from clients.cardtrader import CardTrader
from db.cards import sellers
from domain.cards.pace import Patience
from tests.chaos.interleavings.fakes import (
    NoLimit,
    StandInAccounts,
    StandInPurchases,
    StandInSignals,
    StandInSyncs,
    Verifier,
    inline,
)
from tests.chaos.interleavings.market import TOKEN, Bazaar
from tests.chaos.interleavings.schedule import Schedule, pause
from tests.chaos.interleavings.seams import Glance, PausingDatabase, ShakyTransport, locks
from tests.chaos.interleavings.stand_in import StandIn, by_name
from tests.chaos.interleavings.story import Story
from tests.chaos.interleavings.workflow_api import standing_in
from tests.chaos.interleavings.world import Weather, World
from tests.helpers.api import fake_services, opening, serving, settings_for_tests
from tests.helpers.stock import StillCatalog
from workflows.cards.contracts import SyncPlan
from workflows.task_queues import HIGH_PRIORITY

_REMOTE: Final = "http://cardtrader/api/v2"


@dataclass(frozen=True)
class Stage:
    """Opens the world of one seed after the other."""

    database: PausingDatabase
    glance: Glance
    locked: Callable[[], Awaitable[int]]
    bazaar: Bazaar
    app: FastAPI
    http: httpx.AsyncClient
    services: CardsServices
    directory: Path

    async def open(self, story: Story) -> World:
        """The world of a seed, its seller linked."""
        rng = random.Random(story.seed + 1)
        schedule = Schedule(rng, story.pace, self.locked)
        seller = self.bazaar.open(story.seed, story.products, story.blueprints, story.knobs)
        user_id = _uuid(rng)
        weather = Weather(story.network, rng)
        engine = StandIn(schedule, {})
        signals, purchases = StandInSignals(engine, rng, story.post), StandInPurchases(engine, rng)
        world = World(
            story, rng, schedule, self.database, self.glance, self.http, user_id, weather, self.bazaar, seller,
            engine, signals, purchases,
        )  # fmt: skip
        self.app.state.services = replace(
            self.services,
            syncs=StandInSyncs(engine),
            signals=signals,
            purchases=purchases,
            accounts=StandInAccounts(engine),
            verifier=Verifier(seller),
            new_id=lambda: _uuid(rng),
        )
        engine.activities = self._activities(world)
        await self._link(world)
        return world

    def _activities(self, world: World) -> dict[str, Any]:
        http = httpx.AsyncClient(transport=ShakyTransport(self.bazaar.transport, world.weather))
        limit: Any = NoLimit()
        cardtrader = CardTrader(http, _REMOTE, bucket=limit, jobs_bucket=limit, breaker=limit)
        area = StagingArea(self.directory / str(world.user_id))
        catalog: Any = StillCatalog()
        temporal: Any = None
        resources = Resources(self.database, self.services.vault, cardtrader, catalog, area, temporal)
        plan = SyncPlan(window=world.story.window)
        queues = cards_activities(resources, plan, chunk_size=world.story.chunk_size)
        return by_name(queues) | by_name({HIGH_PRIORITY: _hasty(resources)})

    async def _link(self, world: World) -> None:
        vault = self.services.vault
        async with self.database.begin() as connection:
            await sellers.link(
                connection,
                world.user_id,
                token_encrypted=vault.encrypt(TOKEN),
                secret_encrypted=vault.encrypt(world.seller.secret),
                cardtrader_user_id=world.seller.spec.user_id,
                newest_order_id=0,
            )


def _hasty(resources: Resources) -> Activities:
    """Activities that wait some seconds, without waiting: the schedule lets webhooks arrive before they go on."""
    database, vault, cardtrader = resources.database, resources.vault, resources.cardtrader
    changes = AccountChanges(
        database,
        BlueprintReader(database, vault, cardtrader, resources.catalog),
        writes_enabled=True,
        patience=Patience(0.0, 0.0, skew=0.001),
    )
    purchases = Purchases(
        database, vault, cardtrader, patience=PurchasePatience(settling=timedelta(0)), sleep=lambda _: pause("turn")
    )
    steps = (changes.take_changes, changes.send_changes, changes.follow_job, changes.settle_changes)
    return [*steps, changes.verify_changes, changes.reread_uncertain, purchases.take_copies]


def _uuid(rng: random.Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)


@asynccontextmanager
async def open_stage(database_url: str, directory: Path) -> AsyncIterator[Stage]:
    """Open what seeds share. Threads are left out while it is open: they would move without being chosen."""
    async with AsyncExitStack() as stack:
        database = PausingDatabase.open(database_url)
        services = fake_services(database)
        app = create_app(settings_for_tests(log_level="ERROR"), opening(services))
        http = await stack.enter_async_context(serving(app))
        locked = await stack.enter_async_context(locks(database_url))
        connection = await asyncpg.connect(database_url.replace("+asyncpg", "", 1))
        stack.push_async_callback(connection.close)
        stack.enter_context(patch.object(asyncio, "to_thread", inline))
        for module in (fastapi.dependencies.utils, fastapi.routing):
            stack.enter_context(patch.object(module, "run_in_threadpool", inline))
        stack.enter_context(standing_in())
        yield Stage(database, Glance(connection), locked, Bazaar(), app, http, services, directory)
