"""Ends syncs that nothing drives: registered by an API that died before it started them, or ended from outside.

A sync is registered before its workflow is started, so that its task id can be polled at once; whoever asked for one
that never started got no answer, so it is ended with a reason, not started behind his back.

Safe in every worker at once: an operation is closed once, and what runs is left alone. A start that comes after all
finds its operation closed and ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog
from temporalio.client import Client
from temporalio.service import RPCError

from activities.cards import closing
from activities.support import repeating
from db.cards import open_syncs
from db.cards.open_syncs import OpenSync
from db.session import Database
from domain.cards.sync_errors import INTERRUPTED
from workflows.cards.contracts import AbortSync
from workflows.cards.starting import running_operation

IsDriven = Callable[[OpenSync], Awaitable[bool]]
"""Whether a workflow of that very operation runs."""

_INTERVAL: Final = 30.0
_CALL: Final = timedelta(seconds=5)
# Far longer than a start may take, and than a sweep needs to repeat a page that it has registered.
_AGE: Final = timedelta(minutes=2)
_MOST: Final = 500
_log = structlog.get_logger(__name__)


class SyncRelay:
    """Looks for syncs that have been open for longer than `age`."""

    def __init__(self, database: Database, is_driven: IsDriven, *, age: timedelta = _AGE) -> None:
        self._database, self._is_driven, self._age = database, is_driven, age

    async def relay(self) -> int:
        """One turn; how many syncs were ended."""
        async with self._database.begin() as connection:
            found = await open_syncs.older_than(connection, self._age, most=_MOST)
        ended = sum([await self._end(sync) for sync in found])
        if ended:
            _log.warning("syncs.interrupted", ended=ended)
        return ended

    async def _end(self, sync: OpenSync) -> bool:
        try:
            if await self._is_driven(sync):
                return False
        except (RPCError, RuntimeError):
            return False
        request = AbortSync(user_id=sync.user_id, operation_id=sync.operation_id, code=INTERRUPTED)
        async with self._database.begin() as connection:
            if sync.blueprint_id is None:
                return await closing.abort(connection, request)
            return await closing.abort_blueprint(connection, sync.operation_id, INTERRUPTED)


def asking(client: Client) -> IsDriven:
    """Asks Temporal."""

    async def is_driven(sync: OpenSync) -> bool:
        running = await running_operation(client, sync.user_id, blueprint_id=sync.blueprint_id, timeout=_CALL)
        return running == str(sync.operation_id)

    return is_driven


@asynccontextmanager
async def relaying_syncs(database_url: str, client: Client) -> AsyncIterator[None]:
    """Look while the block runs, on a connection of its own."""
    database = Database.connect(database_url, pool_size=1, max_overflow=0)
    try:
        async with repeating(SyncRelay(database, asking(client)).relay, _INTERVAL):
            yield
    finally:
        await database.close()
