"""Binary COPY against PostgreSQL: every column of every shape arrives as an ordinary UPDATE would have written it."""

from __future__ import annotations

import json
from itertools import product as combinations
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from db.cards import stock as stock_rows
from db.cards.stock import MergeStamp
from db.cards.stock_copy import COLUMNS, stock_copy
from domain.cards.mapping import MappingStatus
from domain.cards.products import Product
from domain.cards.rows import Mapping, stock_row
from tests.helpers.stock import BEGAN, Stock

INT4, INT8 = 2**31 - 1, 2**63 - 1
TEXTS = [None, "", "x", "é😀\U0010ffff \x7f\t\n\"'\\,{}", "\\N", "\\.", "x" * 100_000]
GRADES: list[bool | float | str | None] = [None, True, False, 0, 1, "", "PSA 10", 9.5]
IDS = [1, 9, 10, 10**9, 10**18, INT8]
HASHES = [0, 1, -1, INT8, -(2**63)]
MAPPINGS = [(0, 0, 255), (1, INT8, 0), (1, 1, 3), (2, 5, 1)]
PROPERTIES: list[dict[str, Any]] = [
    {},
    {"é😀": [None, 1.5, {"a": "\x01"}]},
    {"big": 10**40, "mtg_condition": " nm"},
    {"t": "x" * 70_000},
]


def stream(stamp: MergeStamp, rows: list[tuple[Product, Mapping, int]]) -> bytes:
    return stock_copy(stamp.user_id, stamp.operation_id, stamp.began, rows)


def products() -> list[tuple[Product, tuple[int, int, int], int]]:
    """Every value of every column at least once, many with many."""
    texts = list(combinations(TEXTS, TEXTS))
    rows = []
    for number, (description, user_data) in enumerate(texts):
        one = Product(
            id=IDS[number] if number < len(IDS) else 1000 + number,
            blueprint_id=(1, INT4 - 1, 77)[number % 3],
            quantity=(0, 1, INT4)[number % 3],
            price_cents=(INT4, 0, 5)[number % 3],
            properties_hash=dict(PROPERTIES[number % len(PROPERTIES)]),
            description=description,
            user_data_field=user_data,
            graded=GRADES[number % len(GRADES)],
        )
        rows.append((one, MAPPINGS[number % len(MAPPINGS)], HASHES[number % len(HASHES)]))
    return rows


async def written(stock: Stock, began: object) -> dict[str, list[object]]:
    """The rows by external id, values in the order of `COLUMNS`."""
    rows = await stock.rows()
    return {str(key): [row[name] for name in COLUMNS] for key, row in rows.items()}


async def test_every_value_arrives(stock: Stock) -> None:
    stamp = MergeStamp(stock.user_id, uuid4(), BEGAN.replace(microsecond=123_456))
    async with stock.database.begin() as connection:
        await stock_rows.insert(connection, stream(stamp, products()))
    rows = await stock.rows()
    assert len(rows) == len(TEXTS) ** 2
    for one, mapping, hash_ in products():
        row = rows[str(one.id)]
        blueprint, quantity, price, properties, description, user_data, graded, print_id, table, status, content = (
            stock_row(one, mapping, hash_)
        )
        assert [row[name] for name in COLUMNS] == [
            *(stock.user_id, stamp.operation_id, stamp.began, blueprint, quantity, price, content, graded),
            *(table, status, print_id, str(one.id), json.loads(properties), description, user_data),
        ]
        assert (row["row_version"], row["sync_state"], row["reserved_quantity"], row["stale_since"]) == (
            *(1, "synced", 0, None),
        )


@pytest.mark.parametrize("began", [BEGAN.replace(year=1970), BEGAN.replace(year=2000, month=1, day=1), BEGAN])
async def test_times_before_and_after_postgresqls_epoch(stock: Stock, began: object) -> None:
    stamp = MergeStamp(stock.user_id, uuid4(), began)  # type: ignore[arg-type]  # parametrize loses the type
    async with stock.database.begin() as connection:
        await stock_rows.insert(connection, stream(stamp, products()[:1]))
    assert (await stock.rows())["1"]["changed_at"] == began


async def test_copy_and_update_write_the_same(stock: Stock) -> None:
    """A row written anew and the same row overwritten cannot be told apart."""
    stamp = MergeStamp(stock.user_id, uuid4(), BEGAN)
    async with stock.database.begin() as connection:
        await stock_rows.insert(connection, stream(stamp, products()))
    copied = await written(stock, BEGAN)
    ids = {key: row["id"] for key, row in (await stock.rows()).items()}
    blank = text(
        "UPDATE user_inventory_items SET quantity = 7, price_cents = 7, properties = NULL, description = 'old',"
        " user_data_field = 'old', graded = NULL, print_id = 7, print_table = 'old', content_hash = 7,"
        " mapping_status = 'missing', last_seen_operation_id = NULL WHERE user_id = :user"
    )
    async with stock.database.begin() as connection:
        await connection.execute(blank, {"user": stock.user_id})
        rows = {ids[str(one.id)]: stock_row(one, mapping, hash_) for one, mapping, hash_ in products()}
        assert await stock_rows.update(connection, stamp, rows) == set(ids.values())
    assert await written(stock, BEGAN) == copied


async def test_no_rows_are_a_valid_stream(stock: Stock) -> None:
    async with stock.database.begin() as connection:
        await stock_rows.insert(connection, stream(MergeStamp(stock.user_id, uuid4(), BEGAN), []))
    assert await stock.rows() == {}


def test_every_status_is_written() -> None:
    assert {mapping[0] for _, mapping, _ in products()} == set(MappingStatus)
