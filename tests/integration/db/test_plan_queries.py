"""Judging what waits reads what is recent, however long a seller's history and however large the stock is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import plans
from tests.helpers.intents import remove, run
from tests.helpers.stock import Stock

HISTORY = 30_000
FILL_STOCK = """
    INSERT INTO user_inventory_items (user_id, blueprint_id, price_cents, quantity, external_stock_id)
    SELECT :user, n, 1, 1, n::text FROM generate_series(1, cast(:rows AS int)) AS n
"""
FILL_HISTORY = """
    INSERT INTO item_changes (user_id, operation_id, action, state, item_id, blueprint_id, created_at, ended_at)
    SELECT :user, :operation, 'update', 'verified', n, n, now() - interval '1 day', now() - interval '1 day'
    FROM generate_series(1, cast(:rows AS int)) AS n
"""


async def explained(connection: AsyncConnection, stock: Stock) -> list[str]:
    """The plans of what `hold` reads."""
    sent: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", remember)
    await plans.hold(connection, stock.user_id)
    event.remove(connection.sync_connection, "before_cursor_execute", remember)
    reads = [(statement, values) for statement, values in sent if statement.lstrip().startswith(("SELECT", "WITH"))]
    assert len(reads) >= 4
    return [
        "\n".join(row[0] for row in await connection.exec_driver_sql(f"EXPLAIN {statement}", values))
        for statement, values in reads
    ]


async def test_a_long_history_and_a_large_stock_are_not_read(stock: Stock) -> None:
    await run(stock, FILL_STOCK, rows=HISTORY)
    ids = await stock.one("SELECT (array_agg(id ORDER BY id))[1:4] FROM user_inventory_items WHERE user_id = :user")
    first = await remove(stock, ids[0])
    await run(stock, FILL_HISTORY, rows=HISTORY, operation=str(first.operation_id))
    for item_id in ids[1:]:
        await remove(stock, item_id)
    await run(stock, "ANALYZE")
    async with stock.database.begin() as connection:
        found = await explained(connection, stock)
    assert not [plan for plan in found if "Seq Scan on item_changes" in plan], found
    [counting] = [plan for plan in found if "user_inventory_items" in plan]
    assert "Limit" in counting
