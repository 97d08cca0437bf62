"""Bulk calls and their jobs: sizes, items as sent, results of every kind."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from clients.cardtrader import CardTraderClient, ItemResult, NewProduct, ProductChanges, Remark, errors
from tests.helpers.cardtrader_client import JOB, answering, make_client

NEW = NewProduct(blueprint_id=1, price_cents=105, quantity=2, properties={"condition": "Poor", "cmc": "1"})
ACCEPTED = {"job": str(JOB)}


def sending(sent: list[tuple[str, Any]], status: int = 202) -> CardTraderClient:
    def handler(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.path.rpartition("/")[2], json.loads(request.content)))
        return httpx.Response(status, json=ACCEPTED)

    return make_client(handler)


@pytest.mark.parametrize("status", [200, 202])
async def test_items_of_each_call(status: int) -> None:
    sent: list[tuple[str, Any]] = []
    client = sending(sent, status)
    assert await client.bulk.create([NEW]) == JOB
    assert await client.bulk.update([(2**40, ProductChanges(price_cents=7)), (3, ProductChanges(graded=None))]) == JOB
    assert await client.bulk.destroy([4, 5]) == JOB
    created = {"blueprint_id": 1, "price": 1.05, "quantity": 2, "properties": {"condition": "Poor"}}
    assert sent == [
        ("bulk_create", {"products": [created | {"error_mode": "strict"}]}),
        ("bulk_update", {"products": [{"id": 2**40, "price": 0.07}, {"id": 3, "graded": None}]}),
        ("bulk_destroy", {"products": [{"id": 4}, {"id": 5}]}),
    ]


async def test_a_call_takes_up_to_500_items() -> None:
    sent: list[tuple[str, Any]] = []
    client = sending(sent)
    await client.bulk.destroy(range(1, 501))
    for ids in ((), range(1, 502)):
        with pytest.raises(ValueError, match="1 to 500"):
            await client.bulk.destroy(ids)
    assert len(sent) == 1


async def test_a_call_refused_as_a_whole() -> None:
    with pytest.raises(errors.Refused) as caught:
        await make_client(answering(422, {"errors": ["Too many products"]})).bulk.destroy([1])
    assert caught.value.remarks == (Remark("", "Too many products"),)


@pytest.mark.parametrize("body", [{}, {"job": None}, {"job": "soon"}, b""])
async def test_a_job_without_a_name_leaves_doubt(body: Any) -> None:
    with pytest.raises(errors.OutcomeUnknown):
        await make_client(answering(202, body)).bulk.destroy([1])


RESULTS = [
    {"result": "ok", "job_index": 0, "product_id": 2**40},
    {"result": "error", "job_index": 1, "errors": {"blueprint_id": ["Blueprint cant be blank"]}, "warnings": []},
    {"result": "warning", "job_index": 2, "product_id": 12, "warnings": {"properties": {"cmc": ["ignored"]}}},
    {"result": "warning", "job_index": 3, "product_id": 13, "warnings": {"properties": {"mtg_foil": ["ignored"]}}},
    {"result": "skipped", "job_index": 4},
]


async def test_every_item_has_its_result() -> None:
    stats = {"ok": 1, "warning": 2, "error": 1, "pending": None}
    body = {"uuid": str(JOB), "state": "completed", "spawned_children": 5, "stats": stats, "results": RESULTS}
    job = await make_client(answering(200, body)).job(JOB)
    assert (job.state, job.is_over) == ("completed", True)
    assert [job.item(position) for position in range(6)] == [
        ItemResult("done", 2**40),
        ItemResult("refused", None, (Remark("blueprint_id", "Blueprint cant be blank"),)),
        ItemResult("done", 12, (Remark("cmc", "ignored"),)),
        ItemResult("refused", 13, (Remark("mtg_foil", "ignored"),)),
        ItemResult("unknown"),
        ItemResult("unknown"),
    ]
    assert job.item(1).fields == ("blueprint_id",)


@pytest.mark.parametrize(
    ("state", "expected", "is_over"),
    [("pending", "pending", False), ("running", "running", False), ("completed", "completed", True),
     ("unprocessable", "unprocessable", True), ("unknown", "unknown", True), ("paused", "other", False)],
)  # fmt: skip
@pytest.mark.parametrize("results", [{}, {"results": None}, {"results": []}])
async def test_states(state: str, expected: str, is_over: bool, results: dict[str, Any]) -> None:
    body = {"uuid": None, "state": state, "spawned_children": None, "stats": {}} | results
    job = await make_client(answering(200, body)).job(JOB)
    assert (job.uuid, job.state, job.is_over, job.item(0).outcome) == (JOB, expected, is_over, "unknown")


async def test_a_job_that_is_not_found_is_unknown() -> None:
    assert (await make_client(answering(404, {"error_code": "not_found"})).job(UUID(int=1))).state == "unknown"
