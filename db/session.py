"""Engines and units of work.

A `Database` is opened once per process by a composition root; `begin()` is one transaction on one connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine


class Database:
    """An asyncpg-backed pool. `begin` commits on success and rolls back on any error."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @classmethod
    def connect(cls, url: str, *, pool_size: int = 5, max_overflow: int = 5) -> Database:
        """Create the pool lazily: no connection is opened before the first use."""
        return cls(
            create_async_engine(
                url,
                pool_size=pool_size,
                max_overflow=max_overflow,
                pool_timeout=30,
                pool_pre_ping=True,
                # An error text may reach a log or the Temporal wire; the bound values must not.
                hide_parameters=True,
                connect_args={"timeout": 10, "server_settings": {"application_name": "brx-sync"}},
            )
        )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction."""
        async with self.engine.begin() as connection:
            yield connection

    async def ping(self) -> None:
        """Raise whatever the driver raises when PostgreSQL does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self.engine.dispose()
