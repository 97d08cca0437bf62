"""The pool: connections are kept, dead ones are replaced before anybody uses them, the server is seldom asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text

from db.session import Database

SIZE = 3


@dataclass
class Clock:
    """Stands still until it is moved."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Of the pool."""
    return Clock()


@pytest.fixture
async def database(module_database_url: str, clock: Clock) -> AsyncIterator[Database]:
    """A pool of its own for each test: one connection and room for two more."""
    opened = Database.connect(module_database_url, pool_size=1, max_overflow=SIZE - 1, clock=clock)
    yield opened
    await opened.close()


async def at_once(database: Database) -> list[int]:
    """Server processes behind as many transactions as there is room for, in order."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(database.begin()) for _ in range(SIZE)]
        return sorted([(await one.execute(text("SELECT pg_backend_pid()"))).scalar_one() for one in opened])


async def end(url: str, pids: list[int]) -> None:
    """End server processes and wait until they are gone."""
    administrator = await asyncpg.connect(url.replace("+asyncpg", "", 1))
    try:
        for pid in pids:
            assert await administrator.fetchval("SELECT pg_terminate_backend($1, 5000)", pid)
    finally:
        await administrator.close()


def counted_pings(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows with every question whether the server is there."""
    dialect, asked = database.engine.sync_engine.dialect, list[bool]()
    ping = dialect.do_ping

    def counted(connection: Any) -> bool:
        asked.append(True)
        return bool(ping(connection))

    monkeypatch.setattr(dialect, "do_ping", counted)
    return asked


async def test_what_was_opened_for_a_rush_is_kept_for_the_next(database: Database) -> None:
    first = await at_once(database)
    assert len(set(first)) == SIZE
    assert await at_once(database) == first


async def test_connections_the_server_has_closed_are_replaced_unseen(
    database: Database, module_database_url: str
) -> None:
    first = await at_once(database)
    await end(module_database_url, first)
    assert not set(await at_once(database)) & set(first)


async def test_the_server_is_asked_only_after_a_long_rest(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = counted_pings(database, monkeypatch)
    for now, pings in ((0.0, 0), (30.0, 0), (60.1, 1), (60.2, 1)):
        clock.now = now
        async with database.begin() as connection:
            await connection.execute(text("SELECT 1"))
        assert len(asked) == pings


async def test_a_server_that_does_not_answer_after_a_rest_is_left(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.begin() as connection:
        before = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    clock.now = 31.0
    dialect = database.engine.sync_engine.dialect

    def silent(_connection: Any) -> bool:
        raise dialect.loaded_dbapi.InterfaceError("connection is closed")

    monkeypatch.setattr(dialect, "do_ping", silent)
    async with database.begin() as connection:
        assert (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one() != before


@pytest.mark.parametrize("refusal", [asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError])
async def test_a_server_that_takes_nobody_now_is_away(
    monkeypatch: pytest.MonkeyPatch, module_database_url: str, refusal: type[Exception]
) -> None:
    """Relays wait for `OSError` and SQLAlchemy's own; with the driver's they ended, and nobody knew."""
    opened, refusals = asyncpg.connect, [refusal("starting up")]

    async def connect(*arguments: Any, **options: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await opened(*arguments, **options)

    monkeypatch.setattr(asyncpg, "connect", connect)
    database = Database.connect(module_database_url)
    with pytest.raises(ConnectionRefusedError, match=refusal.__name__):
        await database.ping()
    await database.ping()
    await database.close()
