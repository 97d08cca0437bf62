"""Forgets what is old, portion by portion, each in a transaction of its own: no lock is held for long.

Idempotent: what is gone is gone, and a repeat goes on with the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.support import beating
from db.session import Database
from workflows.retention.contracts import Forgotten

_log = structlog.get_logger(__name__)


class Forget(Protocol):
    """Forgets at most so many rows that are older; how many it did."""

    async def __call__(self, connection: AsyncConnection, *, age: timedelta, most: int) -> int: ...


async def forget(database: Database, old: Mapping[Forget, timedelta], *, most: int) -> Forgotten:
    """All that is older than its age, kind by kind, in their order; raises database errors."""
    async with beating() as beat:
        for kind, age in old.items():
            gone = most
            while gone == most:
                async with database.begin() as connection:
                    gone = await kind(connection, age=age, most=most)
                beat.done += gone
    if beat.done:
        _log.info("retention.forgotten", rows=beat.done)
    return Forgotten(rows=beat.done)
