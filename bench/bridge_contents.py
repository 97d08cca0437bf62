"""What dlt's table holds, in the canonical form in which the ERP and the hub are compared."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import asyncpg

from bench.peer import Form
from cli.bridge_demo.contents import canonical, digest
from cli.bridge_demo.entities import ITEMS

_QUERY: Final = """
SELECT item_number, site_code, description, unit, remark, quantity, price, weight, active, created_on, changed_at,
       rowversion FROM "{}".items
"""


async def dlt_digest(database_url: str, form: Form) -> str:
    """Of all its rows, as the hub would hold them."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(_QUERY.format(f"dlt_{form}"))
    finally:
        await connection.close()
    return digest(canonical(ITEMS.expect(as_told(row))) for row in rows)


def as_told(row: Any) -> dict[str, Any]:
    """dlt keeps fractions as doubles: prices have two decimals, so their shortest text is the ERP's."""
    return {**row, "price": Decimal(repr(row["price"]))}
