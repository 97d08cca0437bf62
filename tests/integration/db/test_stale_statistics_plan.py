"""Statements that write a sync's or a batch's rows go by their keys, though the planner's statistics are older.

Rows change their state all at once, and are written again before anybody has analysed the table: by the statistics
hardly one is in its new state. A plan that begins with "the few" of that state compares all of them with each row.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import changes, sellers, stock
from db.session import Database
from domain.cards.rows import StockRow

ROWS = 20_000
SOME = 300
FILL = text("""
    INSERT INTO user_inventory_items (user_id, blueprint_id, price_cents, external_stock_id, sync_state)
    SELECT :user_id, n / 10, 1, n::text, 'pending' FROM generate_series(1, cast(:rows AS int)) AS n
""")
ASK = text("""
    INSERT INTO item_changes (user_id, operation_id, action, state, item_id, blueprint_id)
    SELECT :user_id, :operation_id, 'update', 'held', n, n / 10 FROM generate_series(1, cast(:rows AS int)) AS n
""")
ROW: StockRow = (1, 1, 1, "{}", None, None, None, None, None, "missing", 1)


@pytest.fixture
async def connection(module_database_url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction that nobody else sees, so that no autovacuum can analyse what it wrote."""
    database = Database.connect(module_database_url)
    async with database.engine.connect() as opened:
        yield opened
        await opened.rollback()
    await database.close()


async def new_seller(connection: AsyncConnection) -> UUID:
    """A linked seller."""
    user = uuid4()
    await sellers.link(connection, user, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
    return user


class Plans:
    """Remembers the last statement, to have it explained."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection, self._sent = connection, ("", None)
        event.listen(connection.sync_connection, "before_cursor_execute", self._remember)

    def _remember(self, _c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith("EXPLAIN"):
            self._sent = (statement, parameters)

    async def compares_all(self) -> bool:
        """Whether the last statement holds each row it finds in the table against each that it was given."""
        statement, parameters = self._sent
        explained = await self._connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        loops = [node for node in _nodes(explained.scalar_one()[0]["Plan"]) if node["Node Type"] == "Nested Loop"]
        inner = [inner for loop in loops for inner in loop["Plans"] if inner["Parent Relationship"] == "Inner"]
        return any(node["Node Type"] == "Function Scan" for one in inner for node in _nodes(one))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


async def test_stock_rows_are_overwritten_by_their_ids(connection: AsyncConnection) -> None:
    user = await new_seller(connection)
    await connection.execute(FILL, {"user_id": user, "rows": ROWS})
    await connection.execute(text("ANALYZE user_inventory_items"))
    await connection.execute(text("UPDATE user_inventory_items SET sync_state = 'uncertain'"))
    found = await connection.execute(text("SELECT id FROM user_inventory_items ORDER BY id LIMIT :n"), {"n": SOME})
    stamp = stock.MergeStamp(user, uuid4(), datetime(2030, 1, 1, tzinfo=UTC), settles=True)
    plans = Plans(connection)
    written = await stock.update(connection, stamp, dict.fromkeys(found.scalars().all(), ROW))
    assert len(written) == SOME
    assert not await plans.compares_all()


async def test_changes_are_claimed_by_their_ids(connection: AsyncConnection) -> None:
    user, operation = await new_seller(connection), str(uuid4())
    await connection.execute(
        text(
            "INSERT INTO sync_operations (user_id, operation_id, operation_type, status)"
            " VALUES (:user, :operation, 'update', 'pending')"
        ),
        {"user": user, "operation": operation},
    )
    await connection.execute(ASK, {"user_id": user, "operation_id": operation, "rows": ROWS})
    await connection.execute(text("ANALYZE item_changes"))
    await connection.execute(text("UPDATE item_changes SET state = 'waiting'"))
    found = await connection.execute(text("SELECT id FROM item_changes ORDER BY id LIMIT :n"), {"n": SOME})
    plans = Plans(connection)
    assert len(await changes.claim(connection, dict.fromkeys(found.scalars().all()))) == SOME
    assert not await plans.compares_all()
