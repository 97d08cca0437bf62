"""A seller's stock and syncs in a database, for tests that look at rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import zstandard
from sqlalchemy import insert, text
from temporalio.testing import ActivityEnvironment

from activities.cards.chunks import ChunkMerge
from activities.cards.operations import SyncOperations
from clients.catalog import CatalogSnapshot
from db.cards import lifecycle, operations, sellers, staging
from db.cards.tables import user_inventory_items
from db.session import Database
from domain.cards.chunks import Bound, index_order, key_ranges
from domain.cards.products import read_keys
from workflows.cards.contracts import AbortSync, ApplyChunk, ChunkLost, Counters, FinishSync, SyncPlan, SyncResult

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
# Blueprint b is print 1000 + b of the first table, up to 99.
KNOWN_BLUEPRINTS = CatalogSnapshot.of(
    [np.array([(b, 1000 + b) for b in range(1, 100)], np.int64), *[np.empty((0, 2), np.int64)] * 3]
)


def product(product_id: int, blueprint_id: int = 1, **fields: Any) -> dict[str, Any]:
    """A product as exported."""
    return {"id": product_id, "blueprint_id": blueprint_id, "quantity": 2, "price_cents": 100, **fields}


class StillCatalog:
    """A catalogue that never changes."""

    async def snapshot(self) -> CatalogSnapshot:
        """What it knows."""
        return KNOWN_BLUEPRINTS


@dataclass
class Stock:
    """One seller. `began` moves on with every sync, as the database's clock would."""

    database: Database
    user_id: UUID = field(default_factory=uuid4)
    began: datetime = BEGAN

    def __post_init__(self) -> None:
        self.chunks = ChunkMerge(self.database, StillCatalog())  # type: ignore[arg-type]  # only `snapshot` is used
        self.operations = SyncOperations(self.database, SyncPlan())

    async def link(self) -> Stock:
        """Create the account."""
        async with self.database.begin() as connection:
            await sellers.link(
                connection, self.user_id, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1
            )
        return self

    async def stage(
        self,
        products: Sequence[dict[str, Any]],
        *,
        size: int = 1000,
        complete: bool = True,
        mode: str = "bulk_sync",
        dry_run: bool = False,
    ) -> tuple[UUID, int]:
        """Begin a sync and stage an export; its operation and the number of chunks."""
        operation_id = uuid4()
        self.began += timedelta(days=1)
        raws = [json.dumps(one).encode() for one in products]
        keys = read_keys(b"[" + b",".join(raws) + b"]")
        order = index_order(keys)
        parts = [order[start : start + size] for start in range(0, max(1, len(order)), size)]
        firsts = [
            Bound(int(keys[p[0]]["blueprint"]), int(keys[p[0]]["product"])) if len(p) else Bound(0, 0) for p in parts
        ]
        compress = zstandard.ZstdCompressor().compress
        staged = [
            staging.StagedChunk(number, range_, keys[part], compress(b"[" + b",".join(raws[n] for n in part) + b"]"))
            for number, (range_, part) in enumerate(zip(key_ranges(firsts[1:]), parts, strict=True))
        ]
        manifest = {"chunk_count": len(staged), "product_count": len(raws), "checksum": "0", "complete": complete}
        async with self.database.begin() as connection:
            kind = {"mode": mode, "dry_run": dry_run}
            await operations.register(connection, self.user_id, operation_id, mode, kind)
            await lifecycle.begin(connection, self.user_id, operation_id)
            values = {"export_began": self.began.isoformat(), "manifest": manifest}
            await lifecycle.note(connection, operation_id, values)
            await staging.add(connection, operation_id, staged)
        return operation_id, len(staged)

    async def apply(self, operation_id: UUID, chunk_no: int = 0) -> Counters:
        """Run the activity."""
        request = ApplyChunk(user_id=self.user_id, operation_id=operation_id, chunk_no=chunk_no)
        return await ActivityEnvironment().run(self.chunks.apply_chunk, request)

    async def lose(self, operation_id: UUID, chunk_no: int = 0) -> Counters:
        """Run the activity."""
        request = ChunkLost(user_id=self.user_id, operation_id=operation_id, chunk_no=chunk_no, reason="Why")
        return await ActivityEnvironment().run(self.chunks.lose_chunk, request)

    async def finish(self, operation_id: UUID, *, force: bool = False, failed_chunks: int = 0) -> SyncResult:
        """Run the activity."""
        request = FinishSync(user_id=self.user_id, operation_id=operation_id, force=force, failed_chunks=failed_chunks)
        return await ActivityEnvironment().run(self.operations.finish_sync, request)

    async def abort(self, operation_id: UUID, code: str = "SYNC_FAILED", *, cancelled: bool = False) -> None:
        """Run the activity."""
        request = AbortSync(user_id=self.user_id, operation_id=operation_id, code=code, cancelled=cancelled)
        await ActivityEnvironment().run(self.operations.abort_sync, request)

    async def sync(
        self, products: Sequence[dict[str, Any]], *, force: bool = False, complete: bool = True, **kind: Any
    ) -> SyncResult:
        """A whole sync of that export."""
        operation_id, count = await self.stage(products, complete=complete, **kind)
        for number in range(count):
            await self.apply(operation_id, number)
        return await self.finish(operation_id, force=force)

    async def reconcile(self, products: Sequence[dict[str, Any]], *, dry_run: bool = False) -> UUID:
        """A whole reconciliation with that export; its operation."""
        operation_id, count = await self.stage(products, mode="periodic_sync", dry_run=dry_run)
        for number in range(count):
            await self.apply(operation_id, number)
        await self.finish(operation_id)
        return operation_id

    async def add(self, product_id: int | None, blueprint_id: int = 1, **columns: Any) -> int:
        """Insert a row of stock; its id."""
        values = {
            "user_id": self.user_id,
            "blueprint_id": blueprint_id,
            "external_stock_id": None if product_id is None else str(product_id),
            "quantity": 9,
            "price_cents": 9,
            "changed_at": BEGAN,
            **columns,
        }
        async with self.database.begin() as connection:
            query = insert(user_inventory_items).values(values).returning(user_inventory_items.c.id)
            return int((await connection.execute(query)).scalar_one())

    async def edit(self, change: str, product_id: int) -> None:
        """Change a row in a transaction of its own."""
        # The text is the test's own.
        statement = f"UPDATE user_inventory_items SET {change} WHERE user_id = :user AND external_stock_id = :id"  # noqa: S608
        async with self.database.begin() as connection:
            await connection.execute(text(statement), {"user": self.user_id, "id": str(product_id)})

    async def rows(self) -> dict[str | None, dict[str, Any]]:
        """All rows of the seller by external id (the last, should there be several)."""
        query = text("SELECT * FROM user_inventory_items WHERE user_id = :user ORDER BY id")
        async with self.database.begin() as connection:
            found = (await connection.execute(query, {"user": self.user_id})).mappings()
            return {row["external_stock_id"]: dict(row) for row in found}

    async def quantities(self) -> dict[str | None, int]:
        """Quantity by external id."""
        return {key: row["quantity"] for key, row in (await self.rows()).items()}

    async def one(self, query: str, **values: Any) -> Any:
        """A single value."""
        async with self.database.begin() as connection:
            return (await connection.execute(text(query), {"user": self.user_id, **values})).scalar_one()
