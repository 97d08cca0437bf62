"""Finds the sales of which no webhook told: reads the orders that are newer than the last one read.

Idempotent: each sale counts once by its row in `order_lines`, whoever tells of it first, and the highest order id
moves only after all sales of its page are committed. A dry run notes what it would have found, and moves nothing.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.cards.errors import AccountNotLinked, OperationClosed
from activities.cards.found_orders import FoundOrder, take_in, untold
from activities.cards.rereading import BlueprintReader
from activities.support import beating, postponing
from clients.cardtrader import CardTraderClient
from db.cards import drift, lifecycle, order_reading, sellers
from db.cards.drift import FoundSale
from db.session import Database
from db.vault import Vault
from domain.cards.orders import Verdict
from workflows.cards.contracts import FoundOrders, OperationRef


class MissedOrders:
    """Works found sales in as a webhook would have: the copies come off at once, the event waits for its re-read."""

    def __init__(self, database: Database, vault: Vault, reader: BlueprintReader) -> None:
        self._database = database
        self._vault = vault
        self._reader = reader

    @activity.defn
    async def find_orders(self, ref: OperationRef) -> FoundOrders:
        """Read what is new. Raises `OperationClosed`, `AccountNotLinked`, CardTrader's, limiter or database errors."""
        async with beating():
            after, dry_run = await self._begin(ref)
            client = await self._reader.client(ref.user_id, "bulk")
            with postponing():
                if after is None:
                    await self._begin_reading(ref, client, dry_run=dry_run)
                    return FoundOrders()
                found = await self._read(ref, client, after, dry_run=dry_run)
            async with self._database.begin() as connection:
                await lifecycle.note(connection, ref.operation_id, {"orders_read": True})
            return found

    async def _begin(self, ref: OperationRef) -> tuple[int | None, bool]:
        """The last order that was read, and whether nothing may be changed."""
        async with self._database.begin() as connection:
            metadata = await _running(connection, ref.operation_id)
            seller = await sellers.find(connection, ref.user_id)
        if seller is None:
            raise AccountNotLinked
        return seller.highest_order_id, bool(metadata.get("dry_run"))

    async def _begin_reading(self, ref: OperationRef, client: CardTraderClient, *, dry_run: bool) -> None:
        """Orders that were there before anybody asked are in the stock: the export that follows is newer."""
        newest = await client.orders.newest_id()
        if not dry_run:
            async with self._database.begin() as connection:
                await order_reading.move_on(connection, ref.user_id, newest)

    async def _read(self, ref: OperationRef, client: CardTraderClient, after: int, *, dry_run: bool) -> FoundOrders:
        read = missed = 0
        async for page in client.orders.pages(from_id=after):
            async with self._database.begin() as connection:
                found = await untold(connection, ref.user_id, page)
            missed += sum([await self._work_in(ref, sale, dry_run=dry_run) for sale in found])
            read += len(page)
            if not dry_run:
                async with self._database.begin() as connection:
                    await order_reading.move_on(connection, ref.user_id, page[-1].id)
        return FoundOrders(read=read, missed=missed)

    async def _work_in(self, ref: OperationRef, sale: FoundOrder, *, dry_run: bool) -> bool:
        """Whether it was still untold."""
        async with self._database.begin() as connection:
            await _running(connection, ref.operation_id)
            evidence = await _evidence(connection, ref.user_id, sale.verdict)
            if not dry_run and not await take_in(connection, self._vault, ref.user_id, str(ref.operation_id), sale):
                return False
            await drift.add_sales(connection, ref.user_id, ref.operation_id, evidence)
        return True


async def _running(connection: AsyncConnection, operation_id: UUID) -> dict[str, object]:
    current = await lifecycle.operation(connection, operation_id)
    if current is None or current.status != "running":
        raise OperationClosed
    metadata: dict[str, object] = current.operation_metadata
    return metadata


async def _evidence(connection: AsyncConnection, user_id: UUID, verdict: Verdict) -> list[FoundSale]:
    """One row per product; its quantity before the sale is taken off."""
    copies: dict[tuple[int, int], int] = {}
    for line in verdict.lines:
        if line.product_id is not None:
            key = (line.blueprint_id, line.product_id)
            copies[key] = copies.get(key, 0) + line.quantity
    before = await order_reading.quantities(connection, user_id, list(copies))
    return [
        FoundSale(verdict.order_id, product, blueprint, sold, before.get((blueprint, product)))
        for (blueprint, product), sold in copies.items()
    ]
