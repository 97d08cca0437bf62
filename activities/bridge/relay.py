"""Takes up batches that nobody works on: those whose start was lost, and those whose workflow was ended from outside.

Safe in every worker at once: a start joins the workflow that runs, and a batch that has ended stays as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog
from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from activities.bridge.announcing import announce
from activities.support import repeating
from db.bridge import batches, history
from db.bridge.history import Batch
from db.session import Database
from workflows.bridge.contracts import BatchRun
from workflows.bridge.starting import is_worked_on, running_batch, start_batch

_INTERVAL: Final = 5.0
_AGE: Final = timedelta(seconds=15)
# A night registers its batch, and works on it a moment later.
_AGE_OF_NIGHTS: Final = timedelta(minutes=10)
_CALL: Final = timedelta(seconds=5)
_MOST: Final = 200
_log = structlog.get_logger(__name__)


class Engine(Protocol):
    """The workflows of batches; raises RPC errors."""

    async def running(self, batch: Batch) -> UUID | None:
        """The batch that the workflow of this one's entity works on."""

    async def worked_on(self, schedule_uid: UUID, batch_uid: UUID) -> bool:
        """Whether a night works on the batch."""

    async def start(self, batch: Batch) -> None:
        """Start its workflow, unless the entity has one."""


class TemporalEngine:
    """The same on Temporal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def running(self, batch: Batch) -> UUID | None:
        """The batch that the workflow of this one's entity works on."""
        return await running_batch(self._client, batch.source_system, batch.entity_name, timeout=_CALL)

    async def worked_on(self, schedule_uid: UUID, batch_uid: UUID) -> bool:
        """Whether a night works on the batch."""
        return await is_worked_on(self._client, schedule_uid, batch_uid, timeout=_CALL)

    async def start(self, batch: Batch) -> None:
        """Start its workflow, unless the entity has one."""
        run = BatchRun.model_validate(
            {
                "batch_uid": batch.uid,
                "source_system": batch.source_system,
                "entity_name": batch.entity_name,
                "sync_type": batch.sync_type,
                "dry_run": batch.dry_run,
            }
        )
        try:
            await start_batch(self._client, run, timeout=_CALL)
        except WorkflowAlreadyStartedError:
            _log.info("batch.waits", batch_uid=str(batch.uid))


class BatchRelay:
    """Looks at batches that have been open for longer than `age`."""

    def __init__(
        self, database: Database, engine: Engine, *, age: timedelta = _AGE, age_of_nights: timedelta = _AGE_OF_NIGHTS
    ) -> None:
        self._database, self._engine = database, engine
        self._age, self._age_of_nights = age, age_of_nights

    async def relay(self) -> int:
        """One turn; how many batches were started or closed."""
        async with self._database.begin() as connection:
            old = await history.open_longer_than(connection, self._age, most=_MOST)
            nights = await history.open_longer_than(connection, self._age_of_nights, most=_MOST)
        settled = {batch.uid for batch in nights}
        due = [batch for batch in old if batch.schedule_uid is None or batch.uid in settled]
        return sum([await self._try(batch) for batch in due])

    async def _try(self, batch: Batch) -> bool:
        """One that cannot be looked at must not keep the others waiting."""
        try:
            return await self._take_up(batch)
        except (RPCError, RuntimeError):
            return False

    async def _take_up(self, batch: Batch) -> bool:
        if batch.schedule_uid is not None:
            return not await self._engine.worked_on(batch.schedule_uid, batch.uid) and await self._close(batch)
        working_on = await self._engine.running(batch)
        if working_on == batch.uid:
            return False
        if batch.status == "pending":
            if working_on is None:
                await self._engine.start(batch)
            return working_on is None
        return await self._close(batch)

    async def _close(self, batch: Batch) -> bool:
        async with self._database.begin() as connection:
            work = await batches.lock(connection, batch.uid)
            closed = await batches.abort(connection, batch.uid, code="BATCH_INTERRUPTED", cancelled=False)
            if closed and work is not None and work.is_running:
                await announce(connection, "sync.failed", work, {"code": "BATCH_INTERRUPTED"})
        _log.warning("batch.interrupted", batch_uid=str(batch.uid), closed=closed)
        return closed


@asynccontextmanager
async def relaying_batches(database_url: str, client: Client) -> AsyncIterator[None]:
    """Relay while the block runs, on a connection of its own."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    try:
        async with repeating(BatchRelay(database, TemporalEngine(client)).relay, _INTERVAL):
            yield
    finally:
        await database.close()
