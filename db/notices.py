"""Notices of PostgreSQL (LISTEN, NOTIFY): sent with the commit of what they tell of, to whoever listens just then.

They can be lost, with the connection that listens: whoever waits for one needs another way to learn the same.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from db.session import Database


class Notices:
    """Notices of one channel, told apart by their text. Listens on a connection that it keeps for itself."""

    def __init__(self, database: Database, channel: str, *, pause: float = 1.0) -> None:
        self._database, self._channel, self._pause = database, channel, pause
        self._expected: defaultdict[str, list[asyncio.Event]] = defaultdict(list)
        self.is_listening = False

    @contextmanager
    def expected(self, text: str) -> Iterator[asyncio.Event]:
        """An event that is set when a notice of this text comes while the block runs."""
        told = asyncio.Event()
        self._expected[text].append(told)
        try:
            yield told
        finally:
            self._expected[text].remove(told)
            if not self._expected[text]:
                del self._expected[text]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Notices]:
        """Listen while the block runs; again, after a pause, when the connection is lost."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            with suppress(OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._listen()
            await asyncio.sleep(self._pause)

    async def _listen(self) -> None:
        async with self._database.statement() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            lost = asyncio.Event()
            driver.add_termination_listener(lambda _connection: lost.set())
            await driver.add_listener(self._channel, self._told)
            self.is_listening = True
            try:
                await lost.wait()
            finally:
                self.is_listening = False
                if not driver.is_closed():
                    await driver.remove_listener(self._channel, self._told)

    def _told(self, _connection: object, _process: int, _channel: str, text: str) -> None:
        for told in self._expected.get(text, ()):
            told.set()
