"""Our clients and the simulated neighbours over real connections: what a connection that ends leaves behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from clients.apismith import ApiSmith, Sort, SourceUnavailable
from clients.cardtrader import new_http_client
from clients.neighbour import Place
from clients.schedulehub import ScheduleHub
from devstack.ports import free_port
from devstack.simulators.apismith import app as apismith_app
from devstack.simulators.neighbour.faults import FaultSpec
from devstack.simulators.neighbour.gate import Doors
from devstack.simulators.schedulehub import app as schedulehub_app
from tests.helpers.neighbours import AT_ONCE, BY_LOGIN, ErpHere, HubHere
from tests.helpers.waiting import eventually


@asynccontextmanager
async def served(app: ASGIApp, doors: Doors) -> AsyncIterator[Place]:
    """The application on a port of its own."""
    port = free_port()
    protocol = doors.connections.protocol()
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, http=protocol, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    place = Place(f"http://127.0.0.1:{port}")

    async def ready() -> None:
        assert server.started

    await eventually(ready, 10)
    yield place
    server.should_exit = True
    await task


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with new_http_client() as client:
        yield client


def record(number: int) -> bytes:
    return json.dumps({"erp_key_hash": f"{number:032x}"}).encode()


@pytest.mark.parametrize("kind", ["dropped", "lost_answer"])
async def test_a_page_whose_connection_ends_is_asked_for_again(http: httpx.AsyncClient, kind: str) -> None:
    erp = ErpHere()
    async with served(apismith_app.create_app(erp.source), erp.source.doors) as place:
        client = ApiSmith.connect(http, place, BY_LOGIN, patience=AT_ONCE)
        erp.break_with(FaultSpec.model_validate({"kind": kind, "count": 2, "path": "runtime"}))
        page = await client.execute("items", page_size=10, sort=Sort("item_number"))
        assert len(page.rows) == 10
        erp.break_with(FaultSpec.model_validate({"kind": kind, "path": "runtime"}))
        with pytest.raises(SourceUnavailable):
            await client.execute("items", page_size=10, sort=Sort("item_number"))


async def test_records_whose_answer_was_lost_are_told_as_conflicts_and_are_there_once(http: httpx.AsyncClient) -> None:
    hub = HubHere()
    async with served(schedulehub_app.create_app(hub.hub), hub.hub.doors) as place:
        client = ScheduleHub.connect(http, place, BY_LOGIN, patience=AT_ONCE)
        hub.break_with(FaultSpec(kind="lost_answer", count=1, path="insert"))
        failures = await client.insert("items", [record(1), record(2)])
        assert [(failure.index, failure.code) for failure in failures] == [(0, "conflict"), (1, "conflict")]
        assert len(await client.query("items", [f"{number:032x}" for number in (1, 2)])) == 2
        assert hub.hub.books.of("items").verdicts == {"inserted": 2, "conflict": 2}


async def test_a_slow_page_times_out_and_is_unavailable(http: httpx.AsyncClient) -> None:
    erp = ErpHere()
    async with served(apismith_app.create_app(erp.source), erp.source.doors) as place:
        erp.break_with(FaultSpec(kind="latency", seconds=0.5, path="runtime"))
        client = ApiSmith.connect(http, place, BY_LOGIN, execute_timeout=0.05, patience=AT_ONCE)
        with pytest.raises(SourceUnavailable, match="ReadTimeout"):
            await client.execute("items", page_size=10)
