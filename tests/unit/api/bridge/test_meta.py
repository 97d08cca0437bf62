"""What is told without asking anybody, and nothing of where things are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.helpers.bridge_api import MOUNT, PREFIX, as_role, serving_bridge

VERSION = "0.1.0"


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with serving_bridge() as client:
        yield client


async def test_the_root_tells_where_the_documents_are(http: httpx.AsyncClient) -> None:
    answer = (await http.get(f"{MOUNT}/")).json()
    assert answer == {"service": "bridge-v2", "version": VERSION, "status": "operational", "docs": "/bridge/docs"}
    assert (await http.get(answer["docs"])).status_code == 200


async def test_health_asks_nobody(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"{PREFIX}/health")
    assert answer.json() == {"status": "healthy", "service": "bridge-v2", "version": VERSION, "environment": "test"}
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_metadata_name_no_address(http: httpx.AsyncClient) -> None:
    answer = (await http.get(f"{PREFIX}/metadata", headers=as_role("reader"))).json()
    assert answer == {
        "app": "bridge-v2",
        "version": VERSION,
        "environment": "test",
        "database": {"role": "state, batches, dead letters"},
        "apismith": {"role": "source of the rows"},
        "schedulehub": {"role": "target of the rows"},
    }


@pytest.mark.parametrize("page", ["docs", "redoc", "openapi.json"])
async def test_the_documents_are_found_at_their_first_address_too(http: httpx.AsyncClient, page: str) -> None:
    answer = await http.get(f"{PREFIX}/{page}", follow_redirects=True)
    assert (answer.status_code, str(answer.url)) == (200, f"http://api{MOUNT}/{page}")
