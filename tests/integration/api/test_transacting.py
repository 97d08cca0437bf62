"""A transaction that the database chose to end a deadlock is run again, by whoever ran it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.cards.services import CardsServices
from api.cards.transacting import in_transaction

LOCK = text("SELECT pg_advisory_xact_lock(:number)")


@pytest.fixture
async def closed(services: CardsServices) -> AsyncIterator[CardsServices]:
    """No application runs here, so the test closes what it opens."""
    yield services
    await services.database.close()


async def test_two_in_a_circle_both_get_through(closed: CardsServices) -> None:
    both_hold_one = asyncio.Barrier(2)
    runs: list[int] = []

    async def take(first: int, second: int) -> int:
        async def work(connection: AsyncConnection) -> int:
            runs.append(first)
            await connection.execute(LOCK, {"number": first})
            if len(runs) <= 2:
                await both_hold_one.wait()
            await connection.execute(LOCK, {"number": second})
            return first

        return await in_transaction(closed, work)

    assert list(await asyncio.gather(take(1, 2), take(2, 1))) == [1, 2]
    assert len(runs) == 3


async def test_other_faults_are_not_repeated(closed: CardsServices) -> None:
    runs: list[int] = []

    async def work(connection: AsyncConnection) -> None:
        runs.append(1)
        await connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await in_transaction(closed, work)
    assert len(runs) == 1
