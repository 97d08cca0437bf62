"""A shop in one process: our API and activities on a real database, central's simulator behind an ASGI transport."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from pydantic import SecretStr
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.store.passes import StorePasses, backoff_within
from clients.central import CentralClient, Credentials
from db.session import Database
from devstack.simulators.central.app import create_app
from devstack.simulators.central.central import SERVICE_NAME, SERVICE_SECRET, Central
from devstack.simulators.central.gate import Lost
from tests.helpers.store_api import PREFIX, FakeStoreSignals, as_store, fake_store, serving_store
from workflows.store.contracts import PushReport, StockRead, StoreRef

CENTRAL_URL = "http://central"
INTERVAL = timedelta(minutes=15)


class Wire(httpx.AsyncBaseTransport):
    """The way to central; `is_cut`: nobody is there."""

    def __init__(self, central: Central) -> None:
        self._remote = httpx.ASGITransport(create_app(central))
        self.is_cut = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send."""
        if self.is_cut:
            raise httpx.ConnectError("refused")
        try:
            return await self._remote.handle_async_request(request)
        except Lost:
            raise httpx.ReadError("lost") from None


@dataclass
class Floor:
    """One shop. What its methods are told is what a caller is told."""

    database: Database
    http: httpx.AsyncClient
    central: Central
    wire: Wire
    signals: FakeStoreSignals
    store_id: str = field(default_factory=lambda: f"shop-{uuid4().hex[:12]}")

    def __post_init__(self) -> None:
        self.ref = StoreRef(store_id=self.store_id)
        self.to_central = httpx.AsyncClient(transport=self.wire)
        credentials = Credentials(SERVICE_NAME, SecretStr(SERVICE_SECRET))
        self.client = CentralClient.connect(self.to_central, CENTRAL_URL, credentials)
        self.passes = StorePasses(self.database, self.client, backoff=backoff_within(INTERVAL))

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> httpx.Response:
        """One request of the shop; `path` below /store/v1/local."""
        sent = as_store(self.store_id) | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(method, PREFIX + path, json=body, headers=sent)

    async def ok(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The JSON of an answer that must be a success."""
        answer = await self.call(method, path, body, **headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def stock(self, sku: str, quantity: int) -> None:
        """Have an item in both places, this many at central, and read."""
        self.central.books.open_item(sku, quantity)
        await self.ok("PUT", f"/inventory/{sku}", {"name": sku})
        await self.read()

    async def update(self, sku: str, delta: int, **fields: Any) -> Any:
        """Move stock; the answer."""
        return await self.ok("POST", f"/inventory/{sku}/update", {"delta": delta, **fields})

    async def status(self, operation_id: str | UUID) -> Any:
        """How a movement stands."""
        return await self.ok("GET", f"/sync/status/{operation_id}")

    async def quantity(self, sku: str) -> int:
        """What there is here."""
        return int((await self.ok("GET", f"/inventory/{sku}"))["quantity"])

    async def push(self) -> PushReport:
        """One pass."""
        return await ActivityEnvironment().run(self.passes.push_changes, self.ref)

    async def read(self) -> StockRead:
        """One page of reading back."""
        return await ActivityEnvironment().run(self.passes.read_stock, self.ref)

    async def rest(self) -> None:
        """Push and read until nothing is left to do, as after a sweep."""
        await self.ok("POST", "/sync/trigger")
        for _ in range(200):
            report = await self.push()
            if not report.more and not (await self.read()).more:
                return
        raise AssertionError("no rest")

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """Rows of our database; :store is the shop."""
        async with self.database.begin() as connection:
            return list(await connection.execute(text(query), {"store": self.store_id, **values}))

    async def balanced(self) -> dict[str, int]:
        """The laws, of every item of the shop; the quantities."""
        rows = await self.rows(
            "SELECT sku, quantity, opening, central_quantity,"
            " (SELECT coalesce(sum(delta), 0) FROM store_changes WHERE item_id = i.id) AS moved,"
            " (SELECT coalesce(sum(delta), 0) FROM store_changes WHERE item_id = i.id AND completed_at IS NULL) AS owed"
            " FROM store_inventory AS i WHERE store_id = :store ORDER BY sku"
        )
        for row in rows:
            assert row.quantity == row.opening + row.moved, f"{row.sku}: the ledger does not add up"
            if row.central_quantity is not None:
                assert row.quantity == row.central_quantity + row.owed, f"{row.sku}: not central + what it lacks"
        return {row.sku: row.quantity for row in rows}

    async def converged(self) -> None:
        """At rest: here as at central, and each movement was applied there once, in its order."""
        here = await self.balanced()
        there = {sku: stock.quantity for sku, stock in self.central.books.stocks.items() if sku in here}
        assert here == there
        taken = await self.rows(
            "SELECT c.operation_id::text AS operation, sku, delta FROM store_changes AS c"
            " JOIN store_inventory AS i ON i.id = item_id"
            " WHERE c.store_id = :store AND kind = 'local' AND status = 'completed' ORDER BY c.id"
        )
        ours = {row.operation for row in await self.rows(
            "SELECT operation_id::text AS operation FROM store_changes WHERE store_id = :store AND kind = 'local'"
        )}  # fmt: skip
        applied = [one for one in self.central.books.movements if one.operation_id in ours]
        for sku in here:
            mine = [(row.operation, row.delta) for row in taken if row.sku == sku]
            theirs = [(one.operation_id, one.delta) for one in applied if one.sku == sku]
            assert mine == theirs, f"{sku}: lost, doubled, or out of order"


@dataclass(frozen=True)
class Premises:
    """What shops share: the database and the application, which takes a while to make."""

    database: Database
    http: httpx.AsyncClient
    signals: FakeStoreSignals

    @asynccontextmanager
    async def floor(self, central: Central | None = None) -> AsyncIterator[Floor]:
        """A shop, and a central inventory of its own."""
        simulated = central or Central()
        floor = Floor(self.database, self.http, simulated, Wire(simulated), self.signals)
        yield floor
        await floor.to_central.aclose()


@asynccontextmanager
async def open_premises(database: Database) -> AsyncIterator[Premises]:
    """The application on a database, which is closed with it."""
    signals = FakeStoreSignals()
    async with serving_store(fake_store(database, signals=signals)) as http:
        yield Premises(database, http, signals)
