"""Transactions that take locks, repeated while the database makes them the victim of a deadlock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.services import Services

T = TypeVar("T")

_TRIES: Final = 4
_DEADLOCK: Final = "40P01"


async def in_transaction(services: Services, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """What `work` answers, committed; it runs again after a deadlock. Raises `DatabaseUnavailable`, or its errors."""
    for attempt in range(1, _TRIES + 1):
        try:
            async with services.transaction() as connection:
                return await work(connection)
        except DBAPIError as error:
            if attempt == _TRIES or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
    raise AssertionError("unreachable")
