"""A shop's movements on their way to central, against the real database and the simulator's own books."""

from __future__ import annotations

import asyncio

import pytest

from db.store import pushes
from devstack.simulators.central.faults import FaultKind, FaultSpec
from devstack.simulators.central.knobs import Knobs
from domain.store.stock import CentralStock
from tests.helpers.store_floor import Floor

_OVER = "UPDATE stores SET next_pass_at = now() WHERE store_id = :store RETURNING 1"
_DUE = "UPDATE store_changes SET next_attempt_at = now() WHERE store_id = :store RETURNING 1"


async def wait_is_over(floor: Floor) -> None:
    await floor.rows(_OVER)
    await floor.rows(_DUE)


async def test_a_sale_reaches_central_and_its_answer_feeds_the_next(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    told = [await floor.update("A-1", delta) for delta in (-1, -2, 5)]
    assert [answer["quantity"] for answer in told] == [9, 7, 12]
    report = await floor.push()
    assert (report.pushed, report.conflicts, report.more, report.to_read) == (3, 0, False, True)
    # Only the first could know central's version; chained, none of the others conflicts.
    assert floor.central.books.verdicts == {"applied": 3}
    assert (await floor.read()).items == 1
    await floor.converged()
    assert [(await floor.status(one["operation_id"]))["ok"] for one in told] == [True] * 3


async def test_version_zero_is_a_version(floor: Floor) -> None:
    floor.central.books.open_item("A-1", 5)
    await floor.ok("PUT", "/inventory/A-1", {"name": "never read"})
    for _ in range(3):
        # The local version, 3 by then, must not be sent in its place.
        await floor.update("A-1", 1, version=0)
    assert (await floor.push()).pushed == 3
    assert floor.central.books.verdicts == {"applied": 3}
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 8


async def test_items_go_side_by_side_and_each_in_its_order(floor: Floor) -> None:
    skus = [f"A-{number}" for number in range(12)]
    for sku in skus:
        await floor.stock(sku, 100)
    for turn in range(9):
        await asyncio.gather(*(floor.update(sku, -1 - turn) for sku in skus))
    first = await floor.push()
    assert (first.pushed, first.more) == (100, True)
    await floor.rest()
    assert floor.central.books.verdicts == {"applied": 108}
    await floor.converged()


FAULTS: tuple[FaultKind, ...] = ("status", "page", "dropped", "lost_answer", "unauthorised")


@pytest.mark.parametrize("kind", FAULTS)
async def test_nothing_transient_is_final(floor: Floor, kind: FaultKind) -> None:
    await floor.stock("A-1", 10)
    told = await floor.update("A-1", -3)
    floor.central.faults.add(FaultSpec(kind=kind, count=2))
    for _ in range(3):
        await floor.push()
        await wait_is_over(floor)
    status = await floor.status(told["operation_id"])
    assert (status["status"], status["ok"]) == ("completed", True)
    await floor.rest()
    await floor.converged()
    assert floor.central.books.stocks["A-1"].quantity == 7


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502])
async def test_what_means_not_now_is_tried_again(floor: Floor, status: int) -> None:
    await floor.stock("A-1", 10)
    told = await floor.update("A-1", -3)
    floor.central.faults.add(FaultSpec(kind="status", status=status, count=1))
    report = await floor.push()
    assert (report.pushed, report.wait_seconds, report.more) == (0, 1, False)
    found = await floor.status(told["operation_id"])
    assert found["error"] == "CENTRAL_UNAVAILABLE"
    # Not done for certain, or perhaps done: only the latter has to be repeated as it was.
    assert found["status"] == ("in_progress" if status >= 500 else "pending")
    await floor.rest()
    await floor.converged()


async def test_central_away_is_left_alone_for_longer_and_longer(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    await floor.stock("A-2", 10)
    await floor.update("A-1", -1)
    await floor.update("A-2", -1)
    floor.wire.is_cut = True
    waits = []
    for _ in range(8):
        waits.append((await floor.push()).wait_seconds)
        assert 1 <= (await floor.push()).wait_seconds <= waits[-1]
        await wait_is_over(floor)
    assert waits == [1, 2, 4, 8, 16, 32, 900, 1]
    assert (await floor.update("A-1", -1))["quantity"] == 8
    floor.wire.is_cut = False
    await floor.rest()
    await floor.converged()


async def test_a_crash_after_the_request_repeats_the_very_same_request(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    await floor.update("A-1", -3)
    floor.central.faults.add(FaultSpec(kind="lost_answer", count=1))
    await floor.push()
    # Meanwhile the world goes on; a request made anew would be another one under the same key.
    floor.central.books.move("A-1", 4)
    await floor.ok("POST", "/sync/trigger")
    await floor.push()
    assert floor.central.books.verdicts == {"applied": 1, "replayed": 1}
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 11


async def test_an_unknown_outcome_stays_unknown_while_central_is_away(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    told = await floor.update("A-1", -3)
    floor.central.faults.add(FaultSpec(kind="lost_answer", count=1))
    await floor.push()
    floor.wire.is_cut = True
    await wait_is_over(floor)
    # This attempt was never sent; what the one before came to is as unknown as before.
    await floor.push()
    assert (await floor.status(told["operation_id"]))["status"] == "in_progress"
    floor.wire.is_cut = False
    # What is read back now has the movement in it already: taken for news it would count twice.
    await floor.ok("POST", "/sync/trigger")
    await floor.read()
    assert await floor.quantity("A-1") == 7
    await floor.rest()
    await floor.converged()


async def test_two_passes_at_once_apply_everything_once(floor: Floor) -> None:
    for number in range(6):
        await floor.stock(f"A-{number}", 50)
    for _ in range(4):
        await asyncio.gather(*(floor.update(f"A-{number}", -2) for number in range(6)))
    await asyncio.gather(*(floor.push() for _ in range(4)))
    await floor.rest()
    assert floor.central.books.verdicts["applied"] == 24
    await floor.converged()


async def test_whoever_claimed_a_movement_last_settles_it(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    await floor.update("A-1", -3)
    [row] = await floor.rows("SELECT id FROM store_inventory WHERE store_id = :store")
    claims = []
    for _ in range(2):
        async with floor.database.begin() as connection:
            claims.append(await pushes.claim(connection, row.id))
    given_up, successor = claims
    assert given_up is not None
    assert successor is not None
    assert (given_up.uncertain, successor.uncertain, successor.version) == (False, True, given_up.version)
    moved = CentralStock(5, 1)
    async with floor.database.begin() as connection:
        # What it was told is as true as ever, but its successor has sent again since, and may be told otherwise.
        assert not await pushes.rebased(connection, given_up, moved)
        assert not await pushes.compensated(connection, given_up, moved)
        assert not await pushes.refused(connection, given_up, "REFUSED")
        assert await pushes.pushed(connection, successor, CentralStock(1, 7))
        assert not await pushes.pushed(connection, given_up, CentralStock(1, 7))
    assert await floor.balanced() == {"A-1": 7}


@pytest.mark.parametrize("tells", [True, False])
async def test_what_central_does_not_tell_is_read(floor: Floor, tells: bool) -> None:
    floor.central.knobs = Knobs(tell_quantity=tells, tell_state=tells, tell_expiry=tells)
    await floor.stock("A-1", 10)
    await floor.update("A-1", -3)
    floor.central.books.move("A-1", -2)
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 5


async def test_one_token_serves_until_it_is_refused(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    for _ in range(3):
        await floor.update("A-1", -1)
        await floor.push()
    assert floor.central.token_requests == 1
    floor.central.forget_tokens()
    await floor.update("A-1", -1)
    assert (await floor.push()).pushed == 1
    assert floor.central.token_requests == 2


async def test_wrong_credentials_fail_nothing_for_good(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    told = await floor.update("A-1", -1)
    floor.central.forget_tokens()
    right, floor.central._secret = floor.central._secret, "another"
    assert (await floor.push()).wait_seconds == 1
    found = await floor.status(told["operation_id"])
    assert (found["status"], found["error"]) == ("pending", "CENTRAL_DENIED")
    floor.central._secret = right
    await floor.rest()
    await floor.converged()
