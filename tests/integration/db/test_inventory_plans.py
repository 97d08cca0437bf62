"""Pages of a large stock are read from an index: the plans, and that nothing is sorted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import inventory, sellers
from db.cards.inventory import StockFilter
from db.keyset import Position
from db.session import Database

ROWS = 30_000
FILL = text("""
    INSERT INTO user_inventory_items (user_id, blueprint_id, price_cents, external_stock_id, updated_at, sync_state)
    SELECT :user_id, n / 10, 1, n::text, timestamptz '2026-01-01' + n * interval '1 ms',
           CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'synced' END::sync_state_enum
    FROM generate_series(1, cast(:rows AS int)) AS n
""")


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
async def user_id(database: Database) -> UUID:
    user = uuid4()
    async with database.begin() as connection:
        await sellers.link(connection, user, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
        await connection.execute(FILL, {"user_id": user, "rows": ROWS})
        await connection.execute(text("ANALYZE user_inventory_items"))
    return user


async def plan(connection: AsyncConnection, user_id: UUID, wanted: StockFilter, **page: Any) -> str:
    """The plan of the statement that `page` sends."""
    sent: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", remember)
    await inventory.page(connection, user_id, wanted, **page)
    event.remove(connection.sync_connection, "before_cursor_execute", remember)
    [(statement, parameters)] = sent
    explained = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    return "\n".join(row[0] for row in explained)


@pytest.mark.parametrize(
    ("wanted", "page", "index"),
    [
        (StockFilter(), {"limit": 100}, "idx_inventory_user_updated"),
        (
            StockFilter(),
            {"limit": 100, "after": Position(datetime(2026, 1, 1, 0, 0, 5, tzinfo=UTC), 5000)},
            "idx_inventory_user_updated",
        ),
        (StockFilter(blueprint_id=77), {"limit": 100}, "idx_inventory_user_blueprint_external"),
        (StockFilter(sync_state="pending"), {"limit": 100}, "idx_inventory_unsettled"),
    ],
    ids=["first page", "by cursor", "one blueprint", "pending"],
)
async def test_a_page_is_one_range_of_its_index(
    database: Database, user_id: UUID, wanted: StockFilter, page: dict[str, Any], index: str
) -> None:
    async with database.begin() as connection:
        found = await plan(connection, user_id, wanted, **page)
    assert index in found, found
    assert "Seq Scan" not in found, found
    assert ("Sort" in found) == (index != "idx_inventory_user_updated"), found


async def test_an_inlined_state_is_quoted(database: Database, user_id: UUID) -> None:
    with pytest.raises(DBAPIError, match="invalid input value for enum"):
        async with database.begin() as connection:
            await inventory.page(connection, user_id, StockFilter(sync_state="x' OR '1'='1"), limit=1)
