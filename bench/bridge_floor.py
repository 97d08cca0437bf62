"""The floor of a first bridge sync: the ERP's rows, already in memory, parsed and copied into PostgreSQL.

Protocol: the pages a source would answer with, decoded by msgspec into typed rows, and COPY by one connection into a
table with those 12 columns and its primary key; truncated and checkpointed before each repetition. The median counts.
No request, no hash, no comparison, no delivery.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import asyncpg
import msgspec

REPETITIONS: Final = 3
PAGE: Final = 10_000
_TABLE: Final = """
CREATE TABLE bridge_floor (
    item_number text PRIMARY KEY, site_code text, description text, unit text, remark text, quantity bigint,
    price numeric, weight numeric, active boolean, created_on date, changed_at timestamp, rowversion bigint)
"""


class Item(msgspec.Struct, array_like=False):
    """A row of the ERP's items, typed."""

    item_number: str
    site_code: str
    description: str
    unit: str
    remark: str | None
    quantity: int
    price: Decimal
    weight: Decimal
    active: bool
    created_on: date
    changed_at: datetime
    rowversion: int


_decoder: Final = msgspec.json.Decoder(list[Item])
_COLUMNS: Final = tuple(field.name for field in msgspec.structs.fields(Item))


def pages(lines: Sequence[bytes]) -> list[bytes]:
    """Rows as JSON arrays of a page each."""
    return [b"[%b]" % b",".join(lines[first : first + PAGE]) for first in range(0, len(lines), PAGE)]


def parsed(page: bytes) -> Iterator[tuple[object, ...]]:
    """A page as records for COPY."""
    return (msgspec.structs.astuple(item) for item in _decoder.decode(page))


async def floor_seconds(database_url: str, lines: Sequence[bytes]) -> list[float]:
    """Seconds of each repetition, commit included."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", "", 1))
    try:
        await connection.execute(_TABLE)
        return [await _repetition(connection, pages(lines)) for _ in range(REPETITIONS)]
    finally:
        await connection.execute("DROP TABLE IF EXISTS bridge_floor")
        await connection.close()


async def _repetition(connection: asyncpg.Connection, sent: Sequence[bytes]) -> float:
    await connection.execute("TRUNCATE bridge_floor")
    await connection.execute("CHECKPOINT")
    began = time.perf_counter()
    async with connection.transaction():
        for page in sent:
            await connection.copy_records_to_table("bridge_floor", records=parsed(page), columns=_COLUMNS)
    return round(time.perf_counter() - began, 3)
