"""One real server, for what only sockets show."""

from __future__ import annotations

import gzip
import io
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import httpx
import numpy as np
import pytest

from tests.helpers.cardtrader_simulator import TOKEN
from tests.helpers.waiting import eventually


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "devstack.simulators.cardtrader", "--port", str(port), "--products", "12000"]
    process = subprocess.Popen([*command, "--token", TOKEN])
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


class TestServer:
    """One real process."""

    @pytest.fixture
    async def client(self, address: str) -> AsyncIterator[httpx.AsyncClient]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx.AsyncClient(base_url=address, headers=headers, trust_env=False) as client:

            async def ready() -> None:
                try:
                    await client.get("/control/health")
                except httpx.TransportError as error:
                    raise AssertionError from error

            await eventually(ready, deadline=60)
            yield client

    async def test_the_stream_is_one_gzip_member_of_the_right_json(self, client: httpx.AsyncClient) -> None:
        async with client.stream("GET", "/api/v2/products/export") as answer:
            raw = b"".join([chunk async for chunk in answer.aiter_raw()])
        rows = json.loads(gzip.decompress(raw))
        decoded = (await client.get("/api/v2/products/export")).json()
        truth = np.load(io.BytesIO((await client.get("/control/stock")).content))
        assert rows == decoded
        assert [row["id"] for row in rows] == truth["id"].tolist()
        assert sum(row["quantity"] for row in rows) == truth["quantity"].sum()

    async def test_a_cut_connection_is_an_error_on_the_wire(self, client: httpx.AsyncClient) -> None:
        await client.post("/control/faults", json={"kind": "truncated", "at_byte": 100_000, "count": 1})
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/api/v2/products/export")
        assert (await client.get("/api/v2/info")).status_code == 200

    async def test_a_lost_answer_leaves_no_byte(self, client: httpx.AsyncClient) -> None:
        product_id = int(np.load(io.BytesIO((await client.get("/control/stock")).content))["id"][0])
        await client.post("/control/faults", json={"kind": "lost_answer", "count": 1})
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.delete(f"/api/v2/products/{product_id}")
        assert (await client.get("/control/products", params={"ids": product_id})).json() == []

    async def test_a_slow_export_arrives_whole(self, client: httpx.AsyncClient) -> None:
        fault = {"kind": "slow", "bytes_per_second": 10_000_000, "at_byte": 50_000, "seconds": 0.1, "count": 1}
        await client.post("/control/faults", json=fault)
        answer = await client.get("/api/v2/products/export")
        assert len(answer.json()) > 11_000
        assert answer.elapsed.total_seconds() > 0.1
