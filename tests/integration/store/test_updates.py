"""Moving stock at the shop: once, in its order, never below nothing, whether or not central is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import uuid4

from tests.helpers.store_floor import Floor


async def test_an_update_needs_no_central(floor: Floor) -> None:
    floor.wire.is_cut = True
    await floor.ok("PUT", "/inventory/A-1", {"name": "Lamp"})
    told = await floor.update("A-1", 7)
    assert (told["quantity"], told["version"], told["sku"], told["name"]) == (7, 1, "A-1", "Lamp")
    assert (told["central_version"], told["last_synced_at"]) == (None, None)
    assert floor.signals.notified.count(floor.store_id) == 2


async def test_the_same_operation_again_gives_the_first_answer(floor: Floor) -> None:
    await floor.stock("A-1", 3)
    operation = str(uuid4())
    first = await floor.update("A-1", -2, operation_id=operation)
    await floor.update("A-1", -1)
    # By now it could not be made any more, and the item is renamed, pushed and read.
    await floor.ok("PUT", "/inventory/A-1", {"name": "renamed"})
    await floor.rest()
    assert await floor.update("A-1", -2, operation_id=operation) == first
    assert await floor.quantity("A-1") == 0
    await floor.converged()


async def test_a_hundred_repeats_at_once_move_once(floor: Floor) -> None:
    await floor.stock("A-1", 100)
    operation = str(uuid4())
    told = await asyncio.gather(*(floor.update("A-1", -1, operation_id=operation) for _ in range(40)))
    assert all(answer == told[0] for answer in told)
    assert await floor.balanced() == {"A-1": 99}


async def test_a_movement_that_cannot_be_queued_moves_nothing(floor: Floor) -> None:
    await floor.stock("A-1", 3)
    await floor.stock("A-2", 3)
    told = await floor.update("A-1", -1, version=0)
    for sku, delta, version in (("A-1", -2, 0), ("A-1", -1, 1), ("A-1", -1, None), ("A-2", -1, 0)):
        body = {"delta": delta, "operation_id": told["operation_id"], "version": version}
        answer = await floor.call("POST", f"/inventory/{sku}/update", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "OPERATION_ID_REUSED")
    assert await floor.balanced() == {"A-1": 2, "A-2": 3}


async def test_a_hundred_at_once_sell_what_there_is(floor: Floor) -> None:
    await floor.stock("A-1", 60)
    answers = await asyncio.gather(
        *(floor.call("POST", "/inventory/A-1/update", {"delta": -1, "version": 0}) for _ in range(100))
    )
    assert Counter(answer.status_code for answer in answers) == {200: 60, 400: 40}
    sold = sorted((answer.json() for answer in answers if answer.is_success), key=lambda told: told["version"])
    assert [told["quantity"] for told in sold] == list(reversed(range(60)))
    await floor.rest()
    assert floor.central.books.verdicts["applied"] == 60
    await floor.converged()


async def test_more_than_there_is_is_refused_with_both_numbers(floor: Floor) -> None:
    await floor.stock("A-1", 3)
    answer = await floor.call("POST", "/inventory/A-1/update", {"delta": -5})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Insufficient quantity. Available: 3, requested: 5"
    assert answer.json()["error"]["context"] == {"available": 3, "requested": 5}
    assert await floor.balanced() == {"A-1": 3}


async def test_of_two_with_the_same_if_match_the_second_is_told(floor: Floor) -> None:
    await floor.stock("A-1", 9)
    shown = await floor.call("GET", "/inventory/A-1")
    tag = shown.headers["ETag"]
    answers = await asyncio.gather(
        *(floor.call("POST", "/inventory/A-1/update", {"delta": -1}, If_Match=tag) for _ in range(2))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    [winner] = [answer for answer in answers if answer.is_success]
    [loser] = [answer for answer in answers if not answer.is_success]
    assert loser.json()["error"]["context"]["version"] == winner.json()["version"]
    assert winner.headers["ETag"] == f'"{winner.json()["version"]}"'
    again = await floor.call("POST", "/inventory/A-1/update", {"delta": -1}, If_Match=f'"77", {winner.headers["ETag"]}')
    assert again.is_success
    assert (await floor.call("POST", "/inventory/A-1/update", {"delta": -1}, If_Match="*")).is_success
    assert (await floor.call("POST", "/inventory/A-1/update", {"delta": -1}, If_Match="W/x")).status_code == 412


async def test_shops_do_not_see_each_other(floor: Floor) -> None:
    await floor.stock("A-1", 3)
    told = await floor.update("A-1", -1)
    mine, floor.store_id = floor.store_id, "another-shop"
    for method, path in (
        ("GET", "/inventory/A-1"),
        ("GET", "/inventory/A-1/operations"),
        ("GET", f"/sync/status/{told['operation_id']}"),
        ("POST", f"/sync/retry/{told['operation_id']}"),
        ("POST", f"/sync/discard/{told['operation_id']}"),
    ):
        assert (await floor.call(method, path)).status_code == 404
    answer = await floor.call("POST", "/inventory/A-1/update", {"delta": -1})
    assert answer.json()["detail"] == "SKU not found"
    assert (await floor.ok("GET", "/inventory"))["items"] == []
    # The same name for another movement of another shop is another operation.
    await floor.ok("PUT", "/inventory/A-1", {"name": "theirs"})
    await floor.update("A-1", 5, operation_id=told["operation_id"])
    floor.store_id = mine
    assert await floor.balanced() == {"A-1": 2}


async def test_items_and_movements_come_in_pages(floor: Floor) -> None:
    for number in range(5):
        await floor.ok("PUT", f"/inventory/A-{number}", {"name": "x"})
        await floor.update("A-1" if number else "A-0", 1)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await floor.ok("GET", f"/inventory?limit=2{cursor and '&cursor=' + cursor}")
        seen += [item["sku"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"A-{number}" for number in range(5)]
    first = await floor.ok("GET", "/inventory/A-1/operations?limit=3")
    rest = await floor.ok("GET", f"/inventory/A-1/operations?limit=0&cursor={first['next_cursor']}")
    versions = [row["local_version"] for row in [*first["operations"], *rest["operations"]]]
    assert (versions, rest["next_cursor"]) == ([4, 3, 2, 1], None)
    for path in ("/inventory?cursor=%21", "/inventory?cursor=Lg", "/inventory/A-1/operations?cursor=QUFB"):
        assert (await floor.call("GET", path)).json()["error"]["code"] == "VALIDATION_ERROR"


async def test_bodies_that_mean_nothing_are_refused(floor: Floor) -> None:
    await floor.stock("A-1", 3)
    for body in (
        {"delta": 0},
        {"delta": 1.5},
        {"delta": True},
        {"delta": 10**10},
        {"delta": -1, "version": -1},
        {"delta": -1, "version": 2**63},
        {"delta": -1, "operation_id": "x"},
        {"delta": -1, "quantity": 3},
        {},
    ):
        assert (await floor.call("POST", "/inventory/A-1/update", body)).status_code == 422, body
    assert (await floor.call("PUT", "/inventory/%2e%2e", {"name": "x"})).status_code in (404, 405, 422)
    assert (await floor.call("PUT", "/inventory/A-3", {"name": "nul\x00"})).status_code == 422
    assert await floor.balanced() == {"A-1": 3}
