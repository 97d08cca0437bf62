"""The stock rows of a chunk are read as one range of the unique index, however much the planner knows.

Row comparisons alone are taken for independent: in the middle of the stock two of them seem to leave a quarter
of it, and the whole table is scanned for each chunk.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import event, text

from db.cards import sellers, stock
from db.session import Database
from domain.cards.chunks import Bound, KeyRange

ROWS = 20_000
FILL = text("""
    INSERT INTO user_inventory_items (user_id, blueprint_id, price_cents, external_stock_id)
    SELECT :user_id, n / 10, 1, n::text FROM generate_series(1, cast(:rows AS int)) AS n
""")


async def test_a_chunk_in_the_middle_is_one_narrow_range_of_the_index(database_url: str) -> None:
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
        rows = await stock.in_range(connection, stamp, KeyRange(Bound(1000, 10_000), Bound(1010, 10_100)))
        event.remove(connection.sync_connection, "before_cursor_execute", remember)
        [(statement, parameters)] = sent
        explained = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        [scan] = explained.scalar_one()[0]["Plan"]["Plans"]
    await database.close()

    assert len(rows.item_id) == 100
    assert scan["Index Name"] == "idx_inventory_user_blueprint_external"
    assert scan["Plan Rows"] < ROWS / 20
