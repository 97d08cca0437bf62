"""Engines and units of work.

A `Database` is opened once per process by a composition root; `begin()` is one transaction on one connection, and
`statement()` one of a single statement.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

_ASK_AFTER_SECONDS: Final = 30.0
_LEFT_AT: Final = "left_at"


class Database:
    """An asyncpg-backed pool. `begin` commits on success and rolls back on any error."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        pool_size: int = 5,
        max_overflow: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> Database:
        """Create the pool lazily: no connection is opened before the first use, and one that was is kept."""
        engine = create_async_engine(
            url,
            # Of a real overflow each connection is closed after its use: under load they come and go, and to open one
            # (TLS, login, types) costs the server twenty times what is done with it.
            pool_size=pool_size + max_overflow,
            max_overflow=0,
            pool_use_lifo=True,
            pool_timeout=30,
            # An error text may reach a log or the Temporal wire; the bound values must not.
            hide_parameters=True,
            connect_args={
                "timeout": 10,
                "server_settings": {"application_name": "brx-sync"},
                "async_creator_fn": _opened,
            },
        )
        _replace_dead_connections(engine.sync_engine, clock)
        return cls(engine)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction."""
        async with self.engine.begin() as connection:
            yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """A connection for one statement, a transaction by itself: spares the round trips of BEGIN and COMMIT."""
        async with self._autocommit.connect() as connection:
            yield connection

    async def ping(self) -> None:
        """Raise whatever the driver raises when PostgreSQL does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()


async def _opened(*arguments: Any, **options: Any) -> asyncpg.Connection[asyncpg.Record]:
    """A connection. A server that starts, stops or is full counts as one that is away.

    The driver has errors of its own for them, which are neither SQLAlchemy's nor the system's: whoever waits for the
    database to come back would end with the first of them.

    Raises:
        OSError: it is away.
    """
    try:
        return await asyncpg.connect(*arguments, **options)
    except (asyncpg.exceptions.OperatorInterventionError, asyncpg.TooManyConnectionsError) as error:
        raise ConnectionRefusedError(f"PostgreSQL accepts no connection now ({type(error).__name__})") from None


def _replace_dead_connections(engine: Engine, clock: Callable[[], float]) -> None:
    """Have the pool replace a connection that the server has closed; ask the server only after a long rest.

    `pool_pre_ping` would ask before every use, in three round trips: as much as the use itself.
    """

    def left(_connection: Any, record: Any) -> None:
        record.info[_LEFT_AT] = clock()

    def taken(connection: Any, record: Any, _proxy: Any) -> None:
        if connection.driver_connection.is_closed():
            raise DisconnectionError("closed by the server")
        if clock() - record.info.get(_LEFT_AT, clock()) > _ASK_AFTER_SECONDS and not _answers(engine, connection):
            raise DisconnectionError("the server does not answer")

    event.listen(engine, "checkin", left)
    event.listen(engine, "checkout", taken)


def _answers(engine: Engine, connection: Any) -> bool:
    try:
        return bool(engine.dialect.do_ping(connection))
    except (OSError, engine.dialect.loaded_dbapi.Error):
        return False
