"""The simulated hub's own books: what it holds, single records, limits, and what tests read of it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.helpers.neighbours import HubHere

HEADERS = {"Authorization": "Bearer simulator-token"}


@pytest.fixture
def hub() -> HubHere:
    return HubHere()


async def call(hub: HubHere, method: str, path: str, body: Any = None) -> httpx.Response:
    return await hub.http.request(method, f"/api/v1/{path}", json=body, headers=HEADERS)


def record(number: int, **members: object) -> dict[str, object]:
    return {"erp_key_hash": f"{number:032x}", "erp_ref_str": f"n={number}", **members}


async def test_single_records_live_by_the_same_rules(hub: HubHere) -> None:
    assert (await call(hub, "POST", "items", record(1))).status_code == 200
    assert (await call(hub, "POST", "items", record(1))).status_code == 409
    [found] = (await call(hub, "GET", f"items?erp_key_hash={1:032x}")).json()
    path = f"items/{found['uid']}"
    assert (await call(hub, "PATCH", path, {"title": "x"})).status_code == 200
    assert json.loads(hub.hub.books.of("items").by_uid[found["uid"]].body) == record(1, title="x")
    assert (await call(hub, "PATCH", path, {"erp_key_hash": "another"})).status_code == 422
    assert (await call(hub, "PATCH", path, {"parent_refs": {"site": "nowhere"}})).status_code == 404
    assert (await call(hub, "DELETE", path)).status_code == 200
    assert (await call(hub, "DELETE", path)).status_code == 404


async def test_more_than_a_thousand_records_are_refused_as_a_whole(hub: HubHere) -> None:
    body = {"records": [record(number) for number in range(1001)]}
    assert (await call(hub, "POST", "items/batch/insert", body)).status_code == 413
    assert hub.hub.books.of("items").by_key == {}


async def test_what_is_no_record_is_refused_by_itself(hub: HubHere) -> None:
    answer = (await call(hub, "POST", "items/batch/insert", {"records": [{"title": "x"}, record(1)]})).json()
    assert (answer["success_count"], answer["failure_count"]) == (1, 1)
    assert answer["failures"][0]["record"] == {"title": "x"}


async def test_its_books_tell_records_fates_and_calls(hub: HubHere) -> None:
    await call(hub, "POST", "items/batch/insert", {"records": [record(1), record(2), record(2)]})
    books = (await hub.http.get("/control/books")).json()
    assert books["entities"]["items"] == {"records": 2, "verdicts": {"inserted": 2, "conflict": 1}}
    assert (books["batches"], books["largest"]) == ({"items/batch/insert": 1}, 3)
    lines = (await hub.http.get("/control/records", params={"entity": "items"})).text.splitlines()
    assert [json.loads(line)["erp_ref_str"] for line in lines] == ["n=1", "n=2"]
    await hub.http.delete("/control/journal")
    assert (await hub.http.get("/control/journal", params={"entity": "items"})).json()["inserted"] == []
    uid = json.loads(lines[0])["uid"]
    assert (await hub.http.delete("/control/records", params={"entity": "items", "uid": uid})).status_code == 204
    assert (await hub.http.delete("/control/records", params={"entity": "items", "uid": uid})).status_code == 404
