"""Conflicts with central: rebased, compensated, or left to a person, and always visible."""

from __future__ import annotations

from typing import Literal

import pytest

from devstack.simulators.central.knobs import Knobs
from tests.helpers.store_floor import Floor


async def manual(floor: Floor) -> None:
    await floor.ok("PUT", "/settings", {"conflict_strategy": "manual"})


async def test_a_version_conflict_is_rebased_on_what_central_says(floor: Floor) -> None:
    await floor.stock("A-1", 10)
    told = await floor.update("A-1", -3)
    floor.central.books.move("A-1", -2)
    report = await floor.push()
    assert (report.pushed, report.conflicts) == (1, 0)
    assert floor.central.books.verdicts == {"stale": 1, "applied": 1}
    assert (await floor.status(told["operation_id"]))["attempts"] == 2
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 5


@pytest.mark.parametrize("status", [400, 409, 422])
@pytest.mark.parametrize("tells", [True, False])
async def test_too_little_at_central_is_taken_back_here(
    floor: Floor, status: Literal[400, 409, 422], tells: bool
) -> None:
    floor.central.knobs = Knobs(too_little_status=status, tell_state=tells)
    await floor.stock("A-1", 10)
    sold = await floor.update("A-1", -8)
    brought = await floor.update("A-1", 1)
    floor.central.books.move("A-1", -6)
    report = await floor.push()
    assert (report.pushed, report.conflicts) == (1, 1)
    found = await floor.status(sold["operation_id"])
    assert (found["status"], found["ok"], found["error"]) == ("conflict", False, "CENTRAL_TOO_LITTLE")
    rows = (await floor.ok("GET", "/inventory/A-1/operations"))["operations"]
    [back] = [row for row in rows if row["kind"] == "compensation"]
    assert (back["delta"], back["compensates"]) == (8, sold["operation_id"])
    assert found["compensated_by"] == back["operation_id"]
    assert [row["operation_id"] for row in (await floor.ok("GET", "/sync/failed"))["operations"]] == [
        sold["operation_id"]
    ]
    assert (await floor.status(brought["operation_id"]))["ok"]
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 5


async def test_a_resolved_conflict_cannot_be_decided_again(floor: Floor) -> None:
    await floor.stock("A-1", 5)
    sold = await floor.update("A-1", -5)
    floor.central.books.move("A-1", -5)
    await floor.push()
    for decision in ("retry", "discard"):
        answer = await floor.call("POST", f"/sync/{decision}/{sold['operation_id']}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "NOT_REPEATABLE")
    assert await floor.quantity("A-1") == 0
    await floor.balanced()


async def test_a_refused_movement_holds_up_what_comes_after_it_and_nothing_else(floor: Floor) -> None:
    await floor.ok("PUT", "/inventory/NEW", {"name": "unknown there"})
    await floor.stock("A-1", 5)
    first, second = await floor.update("NEW", 4), await floor.update("NEW", -1)
    other = await floor.update("A-1", -1)
    await floor.rest()
    found = [(await floor.status(one["operation_id"]))["status"] for one in (first, second, other)]
    assert found == ["failed", "pending", "completed"]
    assert (await floor.status(first["operation_id"]))["error"] == "UNKNOWN_SKU"
    floor.central.books.open_item("NEW", 0)
    await floor.ok("POST", f"/sync/retry/{first['operation_id']}")
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("NEW") == 3


async def test_under_manual_a_person_decides(floor: Floor) -> None:
    await manual(floor)
    await floor.stock("A-1", 10)
    held, after = await floor.update("A-1", -3), await floor.update("A-1", -1)
    floor.central.books.move("A-1", -2)
    report = await floor.push()
    assert (report.pushed, report.conflicts, report.wait_seconds) == (0, 1, 0)
    found = [await floor.status(one["operation_id"]) for one in (held, after)]
    assert [(one["status"], one["error"]) for one in found] == [("conflict", "CENTRAL_MOVED"), ("pending", None)]
    # Both are still to be applied, on what central has now.
    assert await floor.balanced() == {"A-1": 4}
    await floor.ok("POST", f"/sync/retry/{held['operation_id']}")
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 4


async def test_under_manual_our_own_movements_do_not_conflict_with_each_other(floor: Floor) -> None:
    await manual(floor)
    await floor.stock("A-1", 10)
    version = (await floor.ok("GET", "/inventory/A-1"))["central_version"]
    for _ in range(4):
        await floor.update("A-1", -1, version=version)
    assert (await floor.push()).pushed == 4
    assert floor.central.books.verdicts == {"applied": 4}


async def test_a_movement_can_be_given_up(floor: Floor) -> None:
    await manual(floor)
    await floor.stock("A-1", 10)
    given_up, after = await floor.update("A-1", -3), await floor.update("A-1", 2)
    floor.central.books.move("A-1", -2)
    await floor.push()
    shown = await floor.ok("POST", f"/sync/discard/{given_up['operation_id']}")
    assert (shown["status"], shown["error"]) == ("conflict", "DISCARDED")
    assert shown["completed_at"] is not None
    assert await floor.balanced() == {"A-1": 10}
    await floor.ok("PUT", "/settings", {"conflict_strategy": "rebase"})
    await floor.rest()
    await floor.converged()
    assert (await floor.status(after["operation_id"]))["ok"]
    assert await floor.quantity("A-1") == 10


async def test_too_little_under_manual_waits_for_a_person_however_often_it_is_retried(floor: Floor) -> None:
    await manual(floor)
    await floor.stock("A-1", 5)
    sold = await floor.update("A-1", -5)
    floor.central.books.move("A-1", -3)
    for _ in range(2):
        await floor.rest()
        assert (await floor.status(sold["operation_id"]))["error"] == "CENTRAL_TOO_LITTLE"
        await floor.ok("POST", f"/sync/retry/{sold['operation_id']}")
    assert await floor.balanced() == {"A-1": -3}
    floor.central.books.move("A-1", 3)
    await floor.rest()
    await floor.converged()
    assert await floor.quantity("A-1") == 0


async def test_a_version_nobody_has_yet_is_corrected(floor: Floor) -> None:
    await floor.stock("A-1", 5)
    await floor.update("A-1", -1, version=999)
    await floor.update("A-1", -1, version=1)
    assert (await floor.push()).pushed == 2
    assert floor.central.books.verdicts == {"stale": 1, "applied": 2}
