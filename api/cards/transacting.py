"""Transactions that take locks, repeated while the database makes them the victim of a deadlock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.services import Services

T = TypeVar("T")

_TRIES: Final = 4
_DEADLOCK: Final = "40P01"


async def in_transaction(services: Services, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """What `work` answers, committed; it runs again after a deadlock. Raises `DatabaseUnavailable`, or its errors."""
    return await _repeated(services.transaction, work)


async def in_statement(services: Services, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """The same for `work` of a single statement."""
    return await _repeated(services.statement, work)


async def _repeated(
    open_: Callable[[], AbstractAsyncContextManager[AsyncConnection]], work: Callable[[AsyncConnection], Awaitable[T]]
) -> T:
    for attempt in range(1, _TRIES + 1):
        try:
            async with open_() as connection:
                return await work(connection)
        except DBAPIError as error:
            if attempt == _TRIES or getattr(error.orig, "sqlstate", None) != _DEADLOCK:
                raise
    raise AssertionError("unreachable")
