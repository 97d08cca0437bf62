"""Where the pauses are: in the database and in the network, below everything that is under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, cast

import asyncpg
import httpx
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from db.session import Database
from tests.chaos.interleavings.schedule import moving, pause

_STATEMENTS: Final = frozenset(("execute", "scalars", "scalar", "exec_driver_sql"))
_STOCK: Final = "user_inventory_items"
_LOCKED: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND application_name = :name AND state = 'active' AND wait_event_type = 'Lock'"
)
APPLICATION: Final = "interleavings"


class _Paused:
    """A connection that pauses before every statement."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.touches_stock = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._connection, name)
        return self._paused(found, name) if name in _STATEMENTS else found

    def _paused(self, call: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Awaitable[Any]]:
        async def paused(statement: Any, *args: Any, **kwargs: Any) -> Any:
            self.touches_stock |= _touches_stock(statement)
            await pause(_named(name, statement))
            with moving():
                return await call(statement, *args, **kwargs)

        return paused

    async def get_raw_connection(self) -> _Raw:
        """For COPY, which goes round SQLAlchemy."""
        with moving():
            raw = await self._connection.get_raw_connection()
        self.touches_stock = True
        return _Raw(_Driver(raw.driver_connection))


class _Raw:
    def __init__(self, driver: _Driver) -> None:
        self.driver_connection = driver


class _Driver:
    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def copy_to_table(self, table: str, **options: Any) -> Any:
        """The one call that is made."""
        await pause(f"COPY {table}")
        with moving():
            return await self._driver.copy_to_table(table, **options)


def _named(call: str, statement: Any) -> str:
    """What is about to happen, without compiling anything for its name's sake."""
    words = _text(statement).split()
    return " ".join([call, getattr(statement, "__visit_name__", ""), _table(statement), *words[:9]])


def _touches_stock(statement: Any) -> bool:
    said = _text(statement)
    return _table(statement) == _STOCK or (_STOCK in said and not said.lstrip().startswith("SELECT"))


def _table(statement: Any) -> str:
    return str(getattr(getattr(statement, "table", None), "name", ""))


def _text(statement: Any) -> str:
    return str(getattr(statement, "text", ""))


class PausingDatabase(Database):
    """A database where everybody else may come before any statement, before the commit, and after it."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.stock_commits = 0

    @classmethod
    def open(cls, url: str) -> PausingDatabase:
        """Enough connections for all who may be paused inside a transaction."""
        settings = {"application_name": APPLICATION, "deadlock_timeout": "100ms", "jit": "off"}
        return cls(create_async_engine(url, pool_size=30, max_overflow=0, connect_args={"server_settings": settings}))

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction, as `Database.begin`."""
        await pause("begin")
        async with self.engine.connect() as connection:
            transaction, paused = connection.begin(), _Paused(connection)
            with moving():
                await transaction.start()
            try:
                yield cast("AsyncConnection", paused)
                await pause("commit")
            except BaseException:
                with moving():
                    await transaction.rollback()
                raise
            with moving():
                await transaction.commit()
            self.stock_commits += paused.touches_stock
        await pause("committed")

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """One statement, as `Database.statement`."""
        await pause("begin")
        async with super().statement() as connection:
            paused = _Paused(connection)
            yield cast("AsyncConnection", paused)
            self.stock_commits += paused.touches_stock
        await pause("committed")


@asynccontextmanager
async def locks(url: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Asks PostgreSQL how many statements of a `PausingDatabase` wait for a lock."""
    engine = create_async_engine(url, pool_size=1, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:

        async def waiting() -> int:
            found: int = (await connection.execute(_LOCKED, {"name": APPLICATION})).scalar_one()
            return found

        yield waiting
    await engine.dispose()


class Glance:
    """Reads past all pauses; whoever comes second waits."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection, self._turn = connection, asyncio.Lock()

    async def rows(self, query: str, *values: object) -> list[asyncpg.Record]:
        """What is committed."""
        with moving():
            async with self._turn:
                return list(await self._connection.fetch(query, *values))


class Weather(Protocol):
    """What the network does to a request: "" nothing, else refused, failing, or the answer gets lost."""

    def strikes(self, method: str, path: str) -> str:
        """Asked once per request."""


class ShakyTransport(httpx.AsyncBaseTransport):
    """The way to CardTrader: pauses before a request arrives and after it was answered."""

    def __init__(self, remote: httpx.AsyncBaseTransport, weather: Weather) -> None:
        self._remote, self._weather = remote, weather

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, unless the weather is bad."""
        name = f"{request.method} {request.url.raw_path.decode()}"
        await pause(name)
        fate = self._weather.strikes(request.method, request.url.path)
        if fate == "refused":
            raise httpx.ConnectError("refused")
        if fate == "failing":
            return httpx.Response(503, text="later", request=request)
        response = await self._remote.handle_async_request(request)
        await pause(f"answer {response.status_code} of {name}")
        if fate == "lost":
            raise httpx.ReadError("lost")
        return response
