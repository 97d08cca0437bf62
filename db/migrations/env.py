"""Alembic environment: one asyncpg connection, the URL handed over by `db.migrate`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

from alembic import context
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from db.every_table import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


async def _migrate() -> None:
    engine = create_async_engine(context.config.attributes["database_url"], poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


def _run_outside_any_loop(work: Coroutine[Any, Any, None]) -> None:
    """Alembic is synchronous but may be called from a running loop (tests): use a loop of its own thread."""
    errors: list[BaseException] = []

    def target() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


_run_outside_any_loop(_migrate())
