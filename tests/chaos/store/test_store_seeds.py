"""Hundreds of seeded interleavings of a shop: the law at every look, and at rest here = there, once and in order."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final
from unittest.mock import patch

import asyncpg
import fastapi.dependencies.utils
import fastapi.routing
import httpx
import pytest

from devstack.simulators.central.books import Books
from devstack.simulators.central.central import Central
from tests.chaos.interleavings.fakes import inline
from tests.chaos.interleavings.schedule import Schedule, StuckError
from tests.chaos.interleavings.seams import Glance, PausingDatabase, locks
from tests.chaos.interleavings.workflow_api import standing_in
from tests.chaos.store.plot import Plot, plot
from tests.chaos.store.world import Switchboard, World
from tests.helpers.store_api import fake_store, serving_store

_BLOCK: Final = 6
_SHORT: Final = 6
_PER_LONG_SEED: Final = 50
_TURNS: Final = 40


def _blocks() -> list[range]:
    """As the other interleavings: CHAOS_SEED=7 is only that one, CHAOS_SEEDS=20 a thousand."""
    if only := os.environ.get("CHAOS_SEED"):
        return [range(int(only), int(only) + 1)]
    long = os.environ.get("CHAOS_SEEDS")
    count = int(long) * _PER_LONG_SEED if long else _SHORT
    return [range(first, min(first + _BLOCK, count)) for first in range(0, count, _BLOCK)]


@dataclass(frozen=True)
class Stage:
    """What seeds share."""

    database: PausingDatabase
    glance: Glance
    locked: Any
    http: httpx.AsyncClient
    switchboard: Switchboard

    def world(self, played: Plot) -> World:
        """The world of a seed."""
        rng = random.Random(played.seed + 1)
        central = Central(Books(), played.knobs)
        schedule = Schedule(rng, played.pace, self.locked)
        self.switchboard.world = None
        return World(played, rng, schedule, self.database, self.glance, self.http, central)


@pytest.fixture(scope="module")
async def stage(module_database_url: str) -> AsyncIterator[Stage]:
    """The application on a database that pauses. Threads are left out: they would move without being chosen."""
    async with AsyncExitStack() as stack:
        database, switchboard = PausingDatabase.open(module_database_url), Switchboard()
        http = await stack.enter_async_context(serving_store(fake_store(database, signals=switchboard)))
        locked = await stack.enter_async_context(locks(module_database_url))
        connection = await asyncpg.connect(module_database_url.replace("+asyncpg", "", 1))
        stack.push_async_callback(connection.close)
        stack.enter_context(patch.object(asyncio, "to_thread", inline))
        for module in (fastapi.dependencies.utils, fastapi.routing):
            stack.enter_context(patch.object(module, "run_in_threadpool", inline))
        stack.enter_context(standing_in())
        yield Stage(database, Glance(connection), locked, http, switchboard)


async def play(stage: Stage, played: Plot) -> list[str]:
    """What one seed breaks."""
    world = stage.world(played)
    await world.open()
    stage.switchboard.world = world
    try:
        world.begin()
        await world.rest()
        world.calm()
        await settle(world)
        await judge(world)
    except (StuckError, AssertionError) as error:
        world.errors.append(f"{type(error).__name__}: {error}")
    broken = [*world.errors, *world.engine.failed]
    return [f"seed {played.seed}: {played}", *broken, *world.schedule.trace[-60:]] if broken else []


async def settle(world: World) -> None:
    """Pokes are repeated until nothing is due, what waits for a person is decided, and everything is read."""
    for _ in range(_TURNS):
        world.told = 0
        await world.relay.relay()
        held = await world.held()
        if held:
            world.spawn(world.schedule.process("person", world.decide, mortal=False))
        await world.rest()
        if not (world.told or held):
            break
    for _ in range(2):
        world.spawn(world.schedule.process("trigger", world.trigger, mortal=False))
        await world.rest()


async def judge(world: World) -> None:
    """All laws, and that doing it once more changes nothing."""
    await world.look()
    await world.floor.converged()
    rows = await world.floor.rows(
        "SELECT operation_id, status FROM store_changes WHERE store_id = :store AND kind = 'local'"
    )
    accepted = {operation for operation, (status, _) in world.answers.items() if status == httpx.codes.OK}
    assert {row.operation_id for row in rows} == accepted, "an accepted movement is lost, or a refused one was made"
    assert {row.status for row in rows} <= {"completed", "conflict", "failed"}
    before = await world.floor.ok("GET", "/inventory")
    verdicts = dict(world.central.books.verdicts)
    await world.floor.push()
    await world.floor.read()
    assert await world.floor.ok("GET", "/inventory") == before
    assert world.central.books.verdicts == verdicts
    assert world.central.books.verdicts["reused"] == 0, "a key was used for two requests"


# A good part of their time would go into counting lines that all other tests have counted.
@pytest.mark.no_cover
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", _blocks(), ids=lambda block: f"{block[0]}-{block[-1]}")
async def test_the_laws_of_the_store_hold(stage: Stage, seeds: Sequence[int]) -> None:
    broken = [line for seed in seeds for line in await play(stage, plot(seed))]
    assert not broken, "\n".join(broken)
