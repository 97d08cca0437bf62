"""Notices come with the commit, to whoever expects them; a lost connection is opened anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from db.notices import Notices
from db.session import Database
from tests.helpers.waiting import eventually

CHANNEL = "notices_of_tests"
NOTIFY = text("SELECT pg_notify(:channel, :text)")
END = text("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE query LIKE :listen")


@pytest.fixture
async def database(module_database_url: str) -> AsyncIterator[Database]:
    """One connection to listen, and some to notify."""
    opened = Database.connect(module_database_url, pool_size=3)
    yield opened
    await opened.close()


async def until_listening(notices: Notices) -> None:
    """Wait for the connection."""

    def listening() -> None:
        assert notices.is_listening

    await eventually(listening)


async def notify(database: Database, said: str, channel: str = CHANNEL) -> None:
    """Committed."""
    async with database.begin() as connection:
        await connection.execute(NOTIFY, {"channel": channel, "text": said})


async def test_a_notice_comes_with_the_commit_and_only_to_its_own(database: Database) -> None:
    async with Notices(database, CHANNEL).running() as notices:
        await until_listening(notices)
        with notices.expected("one") as one, notices.expected("one") as again, notices.expected("two") as two:
            async with database.begin() as connection:
                await connection.execute(NOTIFY, {"channel": CHANNEL, "text": "two"})
                await notify(database, "one", "another_channel")
                await notify(database, "one")
                await asyncio.wait_for(asyncio.gather(one.wait(), again.wait()), 5)
                assert not two.is_set()
            await asyncio.wait_for(two.wait(), 5)
    assert not notices.is_listening


async def test_after_a_lost_connection_it_listens_again(database: Database) -> None:
    async with Notices(database, CHANNEL, pause=0.5).running() as notices:
        await until_listening(notices)
        async with database.begin() as connection:
            assert (await connection.execute(END, {"listen": f"LISTEN%{CHANNEL}%"})).scalars().all() == [True]

        def lost() -> None:
            assert not notices.is_listening

        await eventually(lost)
        await until_listening(notices)
        with notices.expected("after") as after:
            await notify(database, "after")
            await asyncio.wait_for(after.wait(), 5)


async def test_without_a_server_nobody_listens() -> None:
    nowhere = Database.connect("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    async with Notices(nowhere, CHANNEL, pause=0.01).running() as notices:
        with notices.expected("never") as never:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.05)
            assert not notices.is_listening
    await nowhere.close()
