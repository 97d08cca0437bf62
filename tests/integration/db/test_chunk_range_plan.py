"""The stock rows of a chunk are read by the unique index, however much the planner knows.

Row comparisons alone are taken for independent: in the middle of the stock two of them seem to leave a quarter
of it, and the whole table is scanned for each chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import event, text

from db.cards import sellers, stock
from db.session import Database
from domain.cards.chunks import KEY, Bound, KeyRange, Scope, TheseRows

ROWS = 20_000
FILL = text("""
    INSERT INTO user_inventory_items (user_id, blueprint_id, price_cents, external_stock_id)
    SELECT :user_id, n / 10, 1, n::text FROM generate_series(1, cast(:rows AS int)) AS n
""")


async def plan_of(database_url: str, scope: Scope) -> tuple[int, dict[str, Any]]:
    """How many rows of a stock were found, and the plan of the scan that found them."""
    database, user = Database.connect(database_url), uuid4()
    sent: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    async with database.begin() as connection:
        await sellers.link(connection, user, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
        await connection.execute(FILL, {"user_id": user, "rows": ROWS})
        await connection.execute(text("ANALYZE user_inventory_items"))
        event.listen(connection.sync_connection, "before_cursor_execute", remember)
        stamp = stock.MergeStamp(user, uuid4(), datetime(2030, 1, 1, tzinfo=UTC))
        rows = await stock.held(connection, stamp, scope)
        event.remove(connection.sync_connection, "before_cursor_execute", remember)
        [(statement, parameters)] = sent
        explained = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        [plan] = [one for one in _nodes(explained.scalar_one()[0]["Plan"]) if "Relation Name" in one]
    await database.close()
    return len(rows.item_id), plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


async def test_a_chunk_in_the_middle_is_one_narrow_range_of_the_index(database_url: str) -> None:
    found, scan = await plan_of(database_url, KeyRange(Bound(1000, 10_000), Bound(1010, 10_100)))
    assert found == 100
    assert scan["Index Name"] == "idx_inventory_user_blueprint_external"
    assert scan["Plan Rows"] < ROWS / 20


async def test_the_rows_of_a_chunk_of_differences_are_looked_up_by_their_keys(database_url: str) -> None:
    numbers = np.arange(7, ROWS + 500, 500)
    keys = np.zeros(len(numbers), dtype=KEY)
    keys["blueprint"], keys["product"] = numbers // 10, numbers
    found, scan = await plan_of(database_url, TheseRows(keys))
    assert found == len(numbers) - 1
    assert scan["Index Name"] == "idx_inventory_user_blueprint_external"
    assert "external_stock_id" in scan["Index Cond"]
