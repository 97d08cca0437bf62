"""Reading back: what others move arrives here, and nothing that is read too late is believed."""

from __future__ import annotations

from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.store.relay import StoreRelay
from activities.store.sweeping import StoreSweep
from db.store import queue
from domain.store.stock import CentralStock
from tests.helpers.store_floor import Floor
from workflows.store.contracts import StorePage

_LONG_AGO = "UPDATE store_changes SET completed_at = now() - interval '91 days' WHERE store_id = :store RETURNING 1"


async def test_what_others_move_arrives_here_and_the_local_version_stays_local(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    floor.central.books.move("A-1", -4)
    floor.central.books.move("A-1", 1)
    before = await floor.ok("GET", "/inventory/A-1")
    await floor.rest()
    after = await floor.ok("GET", "/inventory/A-1")
    assert (after["quantity"], after["version"]) == (7, before["version"] + 1)
    assert (after["central_version"], after["central_quantity"]) == (2, 7)
    [pulled, *_] = (await floor.ok("GET", "/inventory/A-1/operations"))["operations"]
    assert (pulled["kind"], pulled["delta"], pulled["status"]) == ("pulled", -3, "completed")
    await floor.rest()
    assert (await floor.ok("GET", "/inventory/A-1"))["version"] == after["version"]


async def test_what_is_not_pushed_yet_is_added_to_what_central_has(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    await floor.update("A-1", -3)
    floor.central.books.move("A-1", -9)
    await floor.ok("POST", "/sync/trigger")
    await floor.read()
    assert await floor.balanced() == {"A-1": -2}
    # Nothing more can be sold, but goods may come in.
    assert (await floor.call("POST", "/inventory/A-1/update", {"delta": -1})).json()["error"]["context"] == {
        "available": 0,
        "requested": 1,
    }
    await floor.update("A-1", 1)
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 2


async def test_a_read_that_is_older_than_a_push_is_not_believed(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    await floor.update("A-1", -3)
    assert floor.client is not None
    real = floor.client.read

    async def read_slowly(sku: str) -> CentralStock | None:
        told = await real(sku)
        await floor.push()
        return told

    await floor.ok("POST", "/sync/trigger")
    floor.client.read = read_slowly  # type: ignore[method-assign]
    assert (await floor.read()).moved == 0
    assert await floor.quantity("A-1") == 7
    floor.client.read = real  # type: ignore[method-assign]
    await floor.rest()
    await floor.converged()


async def test_a_central_that_was_restored_from_a_backup_is_believed(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    for _ in range(3):
        floor.central.books.move("A-1", 1)
    await floor.rest()
    floor.central.books.stocks["A-1"].version, floor.central.books.stocks["A-1"].quantity = 1, 4
    await floor.rest()
    assert await floor.balanced() == {"A-1": 4}


async def test_ended_movements_are_pruned_and_the_ledger_still_adds_up(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    for _ in range(3):
        await floor.update("A-1", -1)
    await floor.rest()
    await floor.rows(_LONG_AGO)
    held = await floor.update("A-1", -1)
    async with floor.database.begin() as connection:
        assert await queue.prune(connection, floor.store_id, age=timedelta(days=90), most=3) == 3
    woken: list[str] = []

    async def poke(store_id: str) -> None:
        woken.append(store_id)

    sweep = StoreSweep(floor.database, poke, kept=timedelta(days=90))
    swept = await ActivityEnvironment().run(sweep.wake_stores, StorePage())
    assert (swept.stores, swept.is_last) == (len(woken), True)
    assert floor.store_id in woken
    assert await floor.balanced() == {"A-1": 6}
    rows = (await floor.ok("GET", "/inventory/A-1/operations"))["operations"]
    assert [row["operation_id"] for row in rows] == [held["operation_id"]]
    await floor.rest()
    assert floor.central.books.stocks["A-1"].quantity == 6


async def test_a_lost_poke_is_repeated_until_it_is_through(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    await floor.update("A-1", -1)
    now, poked = [0.0], list[str]()
    is_lost = True

    async def poke(store_id: str) -> None:
        if is_lost:
            raise RuntimeError("no Temporal")
        poked.append(store_id)

    relay = StoreRelay(floor.database, poke, age=timedelta(0), clock=lambda: now[0])
    await relay.relay()
    is_lost = False
    await relay.relay()
    await relay.relay()
    assert poked.count(floor.store_id) == 1
    now[0] += 16
    await relay.relay()
    assert poked.count(floor.store_id) == 2
    # While central is to be left alone nobody is poked, and when all is done nobody either.
    floor.wire.is_cut = True
    await floor.push()
    now[0] += 16
    await relay.relay()
    floor.wire.is_cut = False
    await floor.rest()
    now[0] += 16
    await relay.relay()
    assert poked.count(floor.store_id) == 2
