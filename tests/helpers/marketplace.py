"""An organisation with a store and endpoints in a database, for tests of the marketplace context."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from db.ids import new_id
from db.marketplace import endpoints, outbox, receipts, stores
from db.marketplace.endpoints import Endpoint
from db.marketplace.receipts import Claimed, Receipt
from db.marketplace.stores import Registration
from db.session import Database
from domain.marketplace.events import Event
from domain.marketplace.receipts import Settlement
from tests.helpers.waiting import eventually

LEASE = timedelta(minutes=1)


@dataclass
class Organization:
    """One tenant."""

    database: Database
    id: str = field(default_factory=lambda: f"org-{uuid4()}")

    async def rows(self, sql: str, **names: Any) -> list[Any]:
        """Whatever a statement answers."""
        async with self.database.begin() as connection:
            result = await connection.execute(text(sql), names)
            return list(result) if result.returns_rows else []

    async def store(self, external: str = "ext-1", marketplace: str = "etsy", sealed: str = "encrypted") -> UUID:
        """The id of a registered store."""
        registration = Registration(self.id, marketplace, external, "A store", sealed, "USD")
        async with self.database.begin() as connection:
            found = await stores.register(connection, registration, store_id=new_id(), sync_token=new_id())
        return found[0]

    async def receipt(self, store_id: UUID, receipt: str, *, due: bool = False) -> Receipt:
        """A registered receipt; `due`: its import was forgotten."""
        grace = timedelta(seconds=-1 if due else 60)
        async with self.database.begin() as connection:
            return await receipts.register(connection, store_id, receipt, log_id=new_id(), grace=grace)

    async def settled(self, log: Receipt, settlement: Settlement) -> bool:
        """An attempt at it."""
        holder = uuid4()
        async with self.database.begin() as connection:
            claimed = await receipts.claim(connection, log.id, holder, LEASE)
            return claimed is not None and await receipts.settle(connection, claimed, holder, settlement)

    async def settled_with(self, claimed: Claimed | None, holder: UUID, settlement: Settlement) -> bool:
        """What came of an attempt that has its claim."""
        assert claimed is not None
        async with self.database.begin() as connection:
            return await receipts.settle(connection, claimed, holder, settlement)

    async def somebody_waits_for_a_lock(self) -> None:
        """Wait until a statement in this database waits for another transaction."""
        sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

        async def waits() -> None:
            assert await self.rows(sql)

        await eventually(waits, 30)

    async def listen(self, url: str, event: str = "sync.completed", sealed: str = "encrypted") -> Endpoint:
        """A registered endpoint."""
        async with self.database.begin() as connection:
            endpoint, _ = await endpoints.register(
                connection, self.id, event, url, endpoint_id=new_id(), secret_encrypted=sealed
            )
        return endpoint

    async def tell(self, event: str = "sync.completed", cause: str = "", **data: Any) -> UUID:
        """An event of its own."""
        async with self.database.begin() as connection:
            told = await outbox.record(connection, Event(event, self.id, cause or str(uuid4()), data))
        assert told is not None
        return told

    async def deliveries(self, endpoint_id: UUID) -> list[tuple[Any, ...]]:
        """(number, state, attempts) of an endpoint's deliveries."""
        sql = "SELECT sequence, state, attempts FROM callback_deliveries WHERE endpoint_id = :id ORDER BY sequence"
        return [tuple(row) for row in await self.rows(sql, id=endpoint_id)]
