"""The floor of a bulk sync: PostgreSQL inserts the very same rows into an identical table, by itself.

Protocol: the sync is over and the workers are idle. Same server, same durability, same columns but `id`, same
order (the heap's, from its beginning), same indexes, checks, defaults and foreign key. Before each of the
repetitions the copy is truncated (committed, so that the WAL is written as for any table) and a checkpoint is
taken. The median counts.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Final
from uuid import UUID

from sqlalchemy import MetaData, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from db.cards.tables import user_inventory_items

REPETITIONS: Final = 3
_COPY: Final = "bench_floor"
_PREPARE: Final = (
    # A scan that begins in the middle, where another one was, would change the order.
    "SET synchronize_seqscans = off",
    "CREATE TABLE bench_floor (LIKE user_inventory_items INCLUDING ALL)",
    "ALTER TABLE bench_floor ADD FOREIGN KEY (user_id) REFERENCES user_sync_settings ON DELETE CASCADE",
)


async def floor_seconds(database_url: str, user_id: UUID) -> list[float]:
    """Seconds of each repetition for that seller's rows, commit included."""
    async with _autocommit(database_url) as connection:
        await _execute(connection, *_PREPARE)
        try:
            return [await _repetition(connection, user_id) for _ in range(REPETITIONS)]
        finally:
            await _execute(connection, "DROP TABLE bench_floor", "CHECKPOINT")


async def settle(database_url: str) -> None:
    """What autovacuum and the checkpointer do between two syncs of a day, so that none of it falls into a timing."""
    async with _autocommit(database_url) as connection:
        await _execute(connection, "VACUUM (ANALYZE)", "CHECKPOINT")


def middle(seconds: list[float]) -> float:
    """The figure of several repetitions."""
    return round(median(seconds), 3)


async def _repetition(connection: AsyncConnection, user_id: UUID) -> float:
    await _execute(connection, "TRUNCATE bench_floor", "CHECKPOINT")
    columns = [column for column in user_inventory_items.columns if column.name != "id"]
    copy = user_inventory_items.to_metadata(MetaData(), name=_COPY)
    rows = select(*columns).where(user_inventory_items.c.user_id == user_id)
    statement = insert(copy).from_select([column.name for column in columns], rows)
    began = time.perf_counter()
    await connection.execute(statement)
    return round(time.perf_counter() - began, 3)


async def _execute(connection: AsyncConnection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(text(statement))


@asynccontextmanager
async def _autocommit(database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(database_url, isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()
