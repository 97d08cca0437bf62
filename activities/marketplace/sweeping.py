"""Starts the workflows of stores with due receipts, and forgets what was told long ago. A repeat starts none twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from temporalio import activity
from temporalio.service import RPCError

from activities.support import beating
from db.marketplace import outbox, stores
from db.session import Database
from workflows.marketplace.contracts import OrderSweep, SweepStarted

StartStore = Callable[[UUID], Awaitable[object]]

_MOST_FORGOTTEN: Final = 1000
_log = structlog.get_logger(__name__)


class OrderSweeps:
    """The activity of the sweep."""

    def __init__(self, database: Database, start: StartStore, *, retention: timedelta) -> None:
        self._database, self._start, self._retention = database, start, retention

    @activity.defn
    async def sweep_stores(self, sweep: OrderSweep) -> SweepStarted:
        """Every store that is due, in pages, so that none is left behind by the others."""
        started = 0
        async with beating() as beat:
            after = stores.NO_STORE
            while page := await self._page(after, sweep.page):
                started += sum([await self._try(store_id) for store_id in page])
                beat.done, after = started, page[-1]
            await self._prune()
        if started:
            _log.info("scheduler_run", enqueued_jobs=started)
        return SweepStarted(stores=started)

    async def _page(self, after: UUID, most: int) -> list[UUID]:
        async with self._database.begin() as connection:
            return await stores.with_due_receipts(connection, after=after, most=most)

    async def _try(self, store_id: UUID) -> bool:
        """One that cannot be started must not keep the others waiting: the next sweep finds it again."""
        try:
            await self._start(store_id)
        except (RPCError, RuntimeError):
            return False
        return True

    async def _prune(self) -> None:
        async with self._database.begin() as connection:
            await outbox.prune(connection, age=self._retention, most=_MOST_FORGOTTEN)
