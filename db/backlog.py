"""What waits in a context: how much, and for how long. Each has a `backlog` of its own, in db/<context>/backlog.py.

Looks are cheap whatever waits: one statement per context, over the partial indexes of what is open, and it counts
no further than `MOST`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, Table, func, literal, select, text, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """One queue: rows that wait, at most `MOST`, and the age of the oldest of these in seconds; 0 when none waits."""

    queue: str
    depth: int
    age: float


ReadBacklog = Callable[[AsyncConnection], Awaitable[list[Backlog]]]


def waiting(queue: str, table: Table, condition: str, *, since: Any, oldest_first: bool = False) -> Select[Any]:
    """A queue of a table; `since` is when a row began to wait. `oldest_first` where an index has that order.

    The condition is SQL as the index spells it: with bound values a partial index would not be used.
    """
    rows = select(since.label("since")).select_from(table).where(text(condition)).limit(MOST)
    found = (rows.order_by(since) if oldest_first else rows).subquery()
    age = func.extract("epoch", func.clock_timestamp() - func.min(found.c.since))
    return select(literal(queue).label("queue"), func.count().label("depth"), func.coalesce(age, 0.0).label("age"))


async def read(connection: AsyncConnection, queues: Sequence[Select[Any]]) -> list[Backlog]:
    """All of them at once."""
    rows = await connection.execute(union_all(*queues))
    return [Backlog(row.queue, row.depth, max(float(row.age), 0.0)) for row in rows]
