"""Batches of ScheduleHub: each record's fate is known, or the answer is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clients.neighbour import Place
from clients.schedulehub import HubRejected, HubUnavailable, HubUnusable, RowFailure, ScheduleHub
from devstack.simulators.neighbour.faults import FaultSpec
from tests.helpers.neighbours import AT_ONCE, BY_TOKEN, HubHere


@pytest.fixture(params=[False, True], ids=["errors are objects", "errors are texts"])
def hub(request: pytest.FixtureRequest) -> HubHere:
    return HubHere(plain_errors=request.param)


def record(number: int, **members: object) -> bytes:
    return json.dumps({"erp_key_hash": f"{number:032x}", "erp_ref_str": f"n={number}", **members}).encode()


def codes(failures: list[RowFailure]) -> list[tuple[int, str]]:
    return [(failure.index, failure.code) for failure in failures]


def answering(body: Any) -> ScheduleHub:
    """A hub that answers everything with that."""
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=body)))
    return ScheduleHub.connect(http, Place("http://hub"), BY_TOKEN, patience=AT_ONCE)


def outcome(success: int, *failures: dict[str, object]) -> dict[str, object]:
    return {"success_count": success, "failure_count": len(failures), "failures": failures}


async def test_records_come_go_and_change(hub: HubHere) -> None:
    client = hub.client()
    assert await client.insert("items", [record(1, title="a"), record(2, uid="their own")]) == []
    uids = await client.query("items", [f"{number:032x}" for number in (1, 2, 3)])
    assert set(uids) == {f"{1:032x}", f"{2:032x}"}
    assert "their own" not in uids.values()
    uid = uids[f"{1:032x}"]
    assert await client.update("items", [(uid, record(1, title="b"))]) == []
    assert json.loads(hub.hub.books.of("items").by_uid[uid].body)["title"] == "b"
    assert await client.delete("items", list(uids.values())) == []
    assert await client.query("items", list(uids)) == {}
    assert hub.hub.books.of("items").journal == {
        "inserted": ["n=1", "n=2"], "updated": ["n=1"], "deleted": ["n=1", "n=2"],
    }  # fmt: skip


async def test_what_is_there_is_a_conflict_and_the_others_are_written(hub: HubHere) -> None:
    await hub.client().insert("items", [record(2)])
    failures = await hub.client().insert("items", [record(1), record(2), record(3)])
    assert codes(failures) == [(1, "conflict")]
    assert set(hub.hub.books.of("items").by_key) == {f"{number:032x}" for number in (1, 2, 3)}


async def test_a_record_that_is_gone_is_not_found(hub: HubHere) -> None:
    assert codes(await hub.client().update("items", [("00000000-gone", record(1))])) == [(0, "not_found")]
    assert codes(await hub.client().delete("items", ["00000000-gone"])) == [(0, "not_found")]


async def test_a_child_without_its_parent_is_not_found(hub: HubHere) -> None:
    children = [record(1, parent_refs={"site": None}), record(2, parent_refs={"site": f"{9:032x}"})]
    assert codes(await hub.client().insert("items", children)) == [(1, "not_found")]
    await hub.client().insert("sites", [record(9)])
    assert await hub.client().insert("items", children[1:]) == []


async def test_refused_records_say_why_and_the_others_are_written(hub: HubHere) -> None:
    hub.break_with(FaultSpec(kind="refused_rows", status=422, key="n=[24]\\b"))
    failures = await hub.client().insert("items", [record(number) for number in range(6)])
    assert codes(failures) == [(2, "refused"), (4, "refused")]
    assert all("not accepted" in failure.reason for failure in failures)
    assert len(hub.hub.books.of("items").by_key) == 4


async def test_a_batch_that_is_refused_for_one_record_is_halved_down_to_it(hub: HubHere) -> None:
    hub.break_with(FaultSpec(kind="refused_batch", status=422, key="n=37\\b"))
    failures = await hub.client().insert("items", [record(number) for number in range(100)])
    assert codes(failures) == [(37, "refused")]
    assert len(hub.hub.books.of("items").by_key) == 99


async def test_a_hub_that_refuses_every_record_is_soon_given_up(hub: HubHere) -> None:
    hub.break_with(FaultSpec(kind="refused_batch", status=400))
    with pytest.raises(HubRejected):
        await hub.client().insert("items", [record(number) for number in range(1000)])
    assert sum(hub.hub.doors.calls.values()) < 100


async def test_a_whole_batch_in_conflict_is_each_records_conflict(hub: HubHere) -> None:
    hub.break_with(FaultSpec(kind="refused_batch", status=409, path="insert"))
    failures = await hub.client().insert("items", [record(1), record(2)])
    assert codes(failures) == [(0, "conflict"), (1, "conflict")]


async def test_an_answer_that_leaves_records_out_is_unusable(hub: HubHere) -> None:
    hub.break_with(FaultSpec(kind="silent_rows", rows=1))
    with pytest.raises(HubUnusable):
        await hub.client().insert("items", [record(1), record(2)])


@pytest.mark.parametrize(
    "failures",
    [
        [{"record": {"erp_key_hash": "another"}, "error": "409"}],
        [{"record": None, "error": None}],
        [{"record": {"erp_key_hash": f"{1:032x}"}, "error": "409"}] * 2,
    ],
    ids=["another's", "nobody's", "one twice"],
)
async def test_failures_that_cannot_be_told_apart_are_unusable(failures: list[dict[str, object]]) -> None:
    with pytest.raises(HubUnusable):
        await answering(outcome(2 - len(failures), *failures)).insert("items", [record(1), record(2)])


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        ({"status": 409}, "conflict", "ScheduleHub gave no reason."),
        ({"code": 404, "message": "no parent"}, "not_found", "404 no parent"),
        ({"code": "DUPLICATE_KEY", "message": "duplicate"}, "conflict", "DUPLICATE_KEY duplicate"),
        ("Parent missing", "not_found", "Parent missing"),
        ("too long\x00\n", "refused", "too long"),
        (None, "refused", "ScheduleHub gave no reason."),
        (409, "conflict", "409"),
        ("x" * 900, "refused", "x" * 500),
    ],
    ids=["status", "code", "word", "text", "control", "nothing", "number", "long"],
)
async def test_errors_are_read_whatever_their_shape(error: object, code: str, reason: str) -> None:
    told = outcome(0, {"record": {"erp_key_hash": f"{1:032x}"}, "error": error})
    assert await answering(told).insert("items", [record(1)]) == [RowFailure(0, code, reason)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "call",
    [
        lambda hub: hub.insert("items", []),
        lambda hub: hub.update("items", []),
        lambda hub: hub.delete("items", []),
    ],
    ids=["insert", "update", "delete"],
)
async def test_nothing_is_sent_for_nothing(hub: HubHere, call: Callable[[ScheduleHub], Any]) -> None:
    assert await call(hub.client()) == []
    assert not hub.hub.doors.calls


async def test_an_outage_is_unavailable_after_its_tries(hub: HubHere) -> None:
    hub.break_with(FaultSpec(kind="status", status=500))
    with pytest.raises(HubUnavailable):
        await hub.client().insert("items", [record(1)])
    assert sum(hub.hub.doors.calls.values()) == AT_ONCE.tries


async def test_ping(hub: HubHere) -> None:
    await hub.client().ping()
