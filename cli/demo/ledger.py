"""What is open for a seller in our own database: the live line of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

_OPEN: Final = """
SELECT (SELECT count(*) FROM webhook_inbox WHERE user_id = $1 AND cause LIKE 'order.%') AS webhooks,
       (SELECT count(*) FROM webhook_inbox WHERE user_id = $1 AND processed_at IS NULL) AS events,
       (SELECT count(*) FROM user_inventory_items WHERE user_id = $1 AND sync_state <> 'synced') AS unsettled,
       (SELECT count(*) FROM item_changes WHERE user_id = $1 AND ended_at IS NULL) AS changes,
       (SELECT count(*) FROM purchases WHERE user_id = $1 AND ended_at IS NULL) AS purchases
"""
_SOME_LISTINGS: Final = """
SELECT id, price_cents FROM user_inventory_items
WHERE user_id = $1 AND quantity > 1 AND sync_state = 'synced' AND deleted_at IS NULL ORDER BY random() LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Webhooks received, and what is not settled yet."""

    webhooks: int
    events: int
    unsettled: int
    changes: int
    purchases: int

    @property
    def open(self) -> int:
        """Rows, events, changes and purchases that still want something."""
        return self.events + self.unsettled + self.changes + self.purchases


@dataclass(frozen=True, slots=True)
class Listing:
    """A row of our stock."""

    id: int
    price_cents: int


async def look(database_url: str, user_id: UUID) -> Ledger:
    """Where everything stands."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", "", 1))
    try:
        return Ledger(**await connection.fetchrow(_OPEN, user_id))
    finally:
        await connection.close()


async def some_listings(database_url: str, user_id: UUID, most: int) -> list[Listing]:
    """Random listings at rest with several copies."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", "", 1))
    try:
        return [Listing(**row) for row in await connection.fetch(_SOME_LISTINGS, user_id, most)]
    finally:
        await connection.close()
