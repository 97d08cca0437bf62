"""What a row of stock takes on disk, indexes and all: measured on a PostgreSQL of the development stack."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.floor import settle
from db.migrate import upgrade
from devstack import DevStack

ROWS: Final = 200_000
_SELLER: Final = (
    "INSERT INTO user_sync_settings (user_id, cardtrader_token_encrypted, webhook_secret, cardtrader_user_id)"
    " VALUES ('8f14e45f-ceea-467f-9b51-3d1f1a6c0b10', 'x', 'x', 1)"
)
_STOCK: Final = text(
    "INSERT INTO user_inventory_items (user_id, blueprint_id, quantity, price_cents, properties, external_stock_id,"
    " graded, content_hash, mapping_status)"
    " SELECT '8f14e45f-ceea-467f-9b51-3d1f1a6c0b10', 100000 + n, 1 + n % 4, 100 + n % 900,"
    """ '{"condition": "Near Mint", "mtg_language": "en", "mtg_foil": false, "signed": false, "altered": false}',"""
    " (300000000 + n)::text, false, n * 7919, 'mapped' FROM generate_series(1, :rows) AS n"
)
_SIZE: Final = text("SELECT pg_total_relation_size('user_inventory_items')")


def bytes_per_row(directory: Path, rows: int = ROWS) -> float:
    """Total size of a freshly written table, by its rows."""
    with DevStack(directory, services={"postgres"}, fresh=True, environ={}) as stack:
        url = stack.env()["DATABASE_URL"]
        upgrade(url)
        return round(asyncio.run(_measured(url, rows)) / rows, 1)


async def _measured(url: str, rows: int) -> int:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(_SELLER))
            await connection.execute(_STOCK, {"rows": rows})
        await settle(url)
        async with engine.connect() as connection:
            return int((await connection.execute(_SIZE)).scalar_one())
    finally:
        await engine.dispose()
