"""What the routes of every context work with; a context adds its own in `api/<context>/services.py`.

Opened by `api.main`, replaced by fakes in tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from api.auth import Authenticator
from api.backlog import Source
from api.errors import DatabaseUnavailable
from api.probes import Probe
from clients.caller_limit import CallerLimit
from db.session import Database
from db.vault import Vault

_DATABASE_FAULTS: Final = (
    OSError,
    PoolTimeout,
    InterfaceError,
    OperationalError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Services:
    """Dependencies of every route of every context."""

    database: Database
    vault: Vault
    authenticator: Authenticator
    public_base_url: str
    probes: Mapping[str, Probe]
    backlogs: Mapping[str, Source] = field(default_factory=dict)
    callers: CallerLimit | None = None
    clock: Callable[[], datetime] = utc_now
    new_id: Callable[[], UUID] = uuid4
    transaction_seconds: float = 10.0

    def transaction(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One bounded transaction, for database work only: a fault of the server raises `DatabaseUnavailable`."""
        return _bounded(self.database.begin(), self.transaction_seconds)

    def statement(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """The same for a single statement, which is a transaction by itself."""
        return _bounded(self.database.statement(), self.transaction_seconds)


@asynccontextmanager
async def _bounded(
    opened: AbstractAsyncContextManager[AsyncConnection], seconds: float
) -> AsyncIterator[AsyncConnection]:
    try:
        async with asyncio.timeout(seconds), opened as connection:
            yield connection
    except _DATABASE_FAULTS as fault:
        raise DatabaseUnavailable from fault
    except DBAPIError as fault:
        if fault.connection_invalidated:
            raise DatabaseUnavailable from fault
        raise
