"""Clears the staging disk of exports whose sync has ended.

A worker that is killed leaves its download behind, and the sync may end on another machine or not at all.
Idempotent, and safe beside running attempts: what is there is listed before the operations are looked up, and a
closed operation never opens again.
"""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from activities.cards.staging_area import StagingArea
from db.cards import lifecycle
from db.session import Database

_log = structlog.get_logger(__name__)


class Leftovers:
    """What ended syncs have left in one staging area."""

    def __init__(self, database: Database, area: StagingArea) -> None:
        self._database = database
        self._area = area

    async def sweep(self) -> None:
        """Delete the folders of operations that are not open. Raises database errors."""
        if not (present := await asyncio.to_thread(self._area.operations)):
            return
        async with self._database.begin() as connection:
            stale = present - await lifecycle.still_open(connection, present)
        if stale:
            await asyncio.to_thread(self._area.forget, stale)
            _log.info("staging.swept", operations=len(stale))

    async def sweep_at_start(self) -> None:
        """The same for a worker that starts, perhaps before its database does."""
        try:
            await self.sweep()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("staging.not_swept", reason=type(error).__name__)
