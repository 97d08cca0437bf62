"""Batches as Temporal sees them: start, look, cancel. The workflow id is the single flight of an entity's source."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from api.temporal import CALL, temporal_faults
from db.bridge.history import Batch
from workflows.bridge.contracts import BatchRun
from workflows.bridge.starting import cancel_batch, cancel_night, running_batch, start_batch

_POLL_SECONDS: Final = 0.2


class AlreadyRunning(Exception):
    """The workflow of an earlier batch of the entity has not closed yet."""


class BridgeBatches:
    """Every method raises `TemporalUnavailable` within seconds when the server does not answer."""

    def __init__(
        self, client: Client, *, polls: int = 100, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._client, self._polls, self._sleep = client, polls, sleep

    async def start(self, batch: Batch) -> None:
        """Start the workflow; needs no worker to be alive. Raises `AlreadyRunning`."""
        try:
            with temporal_faults():
                await start_batch(self._client, run_of(batch), timeout=CALL)
        except WorkflowAlreadyStartedError:
            raise AlreadyRunning from None

    async def running(self, source_system: str, entity_name: str) -> UUID | None:
        """The batch whose workflow runs for an entity, if any."""
        with temporal_faults():
            return await running_batch(self._client, source_system, entity_name, timeout=CALL)

    async def cancel(self, batch: Batch) -> bool:
        """Ask this very batch to stop; False when no workflow of it runs."""
        with temporal_faults():
            if batch.schedule_uid is not None:
                return await cancel_night(self._client, batch.schedule_uid, batch.uid, timeout=CALL)
            return await cancel_batch(self._client, run_of(batch), timeout=CALL)

    async def until(self, check: Callable[[], Awaitable[bool]]) -> bool:
        """Wait, about twenty seconds at most, until the check holds; False when it does not."""
        for _ in range(self._polls):
            if await check():
                return True
            await self._sleep(_POLL_SECONDS)
        return False


def run_of(batch: Batch) -> BatchRun:
    """What its workflow is started with."""
    return BatchRun(
        batch_uid=batch.uid,
        source_system=batch.source_system,
        entity_name=batch.entity_name,
        sync_type=batch.sync_type,
        dry_run=batch.dry_run,
    )
