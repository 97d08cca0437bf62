"""Receipts: claimed, asked for, settled. A repeat goes on with the claim it had, so nothing is asked twice at once.

An attempt whose worker died after the marketplace's answer is made again: asking changes nothing there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from temporalio import activity

from activities.measures import measures
from activities.support import beating, postponing
from clients.errors import Postponed
from clients.marketplace import Marketplace
from clients.marketplace.validating import UNKNOWN_MARKETPLACE
from clients.token_bucket import Klass
from db.marketplace import outbox, receipts, stores
from db.marketplace.receipts import Claimed
from db.session import Database
from domain.marketplace.events import Event, EventName
from domain.marketplace.receipts import Patience, ReceiptState, Refusal, settle
from workflows.marketplace.contracts import (
    BatchDone,
    OrderBatch,
    ReceiptOutcome,
    ReceiptRef,
    StoreOrdersEnd,
    Tally,
)

_LEASE_OF_ONE: Final = timedelta(minutes=1)
_LEASE_OF_BATCH: Final = timedelta(minutes=30)
_AT_ONCE: Final = 8
_log = structlog.get_logger(__name__)


class ReceiptBusy(Postponed):
    """Somebody else asks for the receipt at the moment."""


class OrderImports:
    """The activities that ask marketplaces."""

    def __init__(
        self, database: Database, marketplaces: Mapping[str, Marketplace], patience: Patience, *, batch: int = 100
    ) -> None:
        self._database, self._marketplaces = database, marketplaces
        self._patience, self._batch = patience, batch

    @activity.defn
    async def import_receipt(self, ref: ReceiptRef) -> ReceiptOutcome:
        """Ask for one receipt, unless it is settled or not due. Waits while another asks for it."""
        async with beating():
            with postponing():
                await self._import(ref)
            async with self._database.begin() as connection:
                found = await receipts.find(connection, ref.log_id)
        return ReceiptOutcome(status="" if found is None else found.status)

    async def _import(self, ref: ReceiptRef) -> None:
        async with self._database.begin() as connection:
            claimed = await receipts.claim(connection, ref.log_id, ref.claim, _LEASE_OF_ONE)
            busy = claimed is None and await receipts.is_held_by_another(connection, ref.log_id, ref.claim)
        if busy:
            raise ReceiptBusy(retry_after=0.3)
        if claimed is not None:
            await self._ask(claimed, ref.claim, "interactive")

    @activity.defn
    async def import_batch(self, batch: OrderBatch) -> BatchDone:
        """Ask for the store's receipts that have been due longest; the first of a run tell that it began."""
        async with beating() as beat:
            with postponing():
                claimed = await self._claim(batch)
                try:
                    await self._ask_all(claimed, batch.claim)
                finally:
                    await self._release(batch)
            async with self._database.begin() as connection:
                tally = _tally(await receipts.settled_by(connection, batch.store_id, batch.claim))
            beat.done = tally.processed
        if tally.processed:
            _log.info("sync_store_batch", store_id=str(batch.store_id), **tally.model_dump())
        return BatchDone(tally=tally, is_last=len(claimed) < self._batch)

    @activity.defn
    async def end_store_orders(self, end: StoreOrdersEnd) -> None:
        """Tell the end of a run in which something was processed, or which broke off."""
        async with self._database.begin() as connection:
            store = await stores.find(connection, end.store_id)
            # A run whose counts went with a worker has begun all the same.
            has_begun = await outbox.was_told(connection, f"store-orders:{end.run_id}:start")
            if store is None or not (has_begun or end.aborted):
                return
            name: EventName = "sync.failed" if end.aborted or store.sync_status == "failed" else "sync.completed"
            data: dict[str, str | int | None] = {
                "storeId": str(end.store_id),
                "processedCount": end.tally.processed,
                "successCount": end.tally.success,
                "failedCount": end.tally.failed,
                "rateLimitedCount": end.tally.rate_limited,
            }
            event = Event(name, store.organization_id, f"store-orders:{end.run_id}:end", data, end.store_id)
            await outbox.record(connection, event)

    async def _claim(self, batch: OrderBatch) -> list[Claimed]:
        """Claim, and tell the start of the run with its first claim."""
        async with self._database.begin() as connection:
            claimed = await receipts.claim_due(
                connection, batch.store_id, batch.claim, _LEASE_OF_BATCH, most=self._batch
            )
            store = await stores.find(connection, batch.store_id) if claimed else None
            if store is not None:
                data = {"storeId": str(store.id)}
                cause = f"store-orders:{batch.run_id}:start"
                event = Event("sync.started", store.organization_id, cause, data, store.id)
                await outbox.record(connection, event)
        return claimed

    async def _ask_all(self, claimed: list[Claimed], holder: UUID) -> None:
        """Where one cannot be asked for no other begins; but what was asked is settled, not asked again."""
        room, faults = asyncio.Semaphore(_AT_ONCE), list[Exception]()

        async def one(receipt: Claimed) -> None:
            async with room:
                if faults:
                    return
                try:
                    await self._ask(receipt, holder, "bulk")
                except Exception as fault:
                    faults.append(fault)

        await asyncio.gather(*map(one, claimed))
        if faults:
            raise faults[0]

    async def _ask(self, claimed: Claimed, holder: UUID, klass: Klass) -> None:
        """One attempt. What it finds is dropped when the claim was lost over it."""
        marketplace = self._marketplaces.get(claimed.marketplace)
        if marketplace is None:
            result = settle(Refusal(UNKNOWN_MARKETPLACE), claimed.attempt, self._patience)
        else:
            said = await marketplace.ask(claimed.receipt, claimed.currency, klass)
            result = settle(said, claimed.attempt, self._patience)
        async with self._database.begin() as connection:
            await receipts.settle(connection, claimed, holder, result)
        measures().imported(result.state)

    async def _release(self, batch: OrderBatch) -> None:
        async with self._database.begin() as connection:
            await receipts.release(connection, batch.store_id, batch.claim)


def _tally(done: Mapping[ReceiptState, int]) -> Tally:
    return Tally(
        processed=sum(done.values()),
        success=done.get("success", 0),
        failed=done.get("failed", 0) + done.get("transient", 0),
        rate_limited=done.get("rate_limited", 0),
    )
