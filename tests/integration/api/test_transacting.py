"""A transaction that the database chose to end a deadlock is run again, by whoever ran it."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.cards.transacting import in_transaction
from api.services import Services

LOCK = text("SELECT pg_advisory_xact_lock(:number)")


async def test_two_in_a_circle_both_get_through(services: Services) -> None:
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

        return await in_transaction(services, work)

    assert await asyncio.gather(take(1, 2), take(2, 1)) == [1, 2]
    assert len(runs) == 3


async def test_other_faults_are_not_repeated(services: Services) -> None:
    runs: list[int] = []

    async def work(connection: AsyncConnection) -> None:
        runs.append(1)
        await connection.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await in_transaction(services, work)
    assert len(runs) == 1
