"""Stock as the seller reads it: pages of `user_inventory_items`, newest change first.

Pages walk `idx_inventory_user_updated`; an offset is honoured for old callers, a keyset position is what stays
fast at a million rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.tables import user_inventory_items
from db.keyset import Position, older_than

_item = user_inventory_items.c
_SEARCHED: Final = (_item.description, _item.user_data_field, _item.external_stock_id)


@dataclass(frozen=True, slots=True)
class StockItem:
    """One row of stock as shown; prices in cents, `properties` in CardTrader's own names."""

    id: int
    blueprint_id: int
    quantity: int
    price_cents: int
    properties: dict[str, Any] | None
    external_stock_id: str | None
    description: str | None
    user_data_field: str | None
    graded: bool | None
    updated_at: datetime
    created_at: datetime
    sync_state: str
    mapping_status: str
    print_id: int | None
    print_table: str | None
    row_version: int
    reserved_quantity: int
    raise_pending: int
    stale_since: datetime | None


_COLUMNS: Final = [
    func.coalesce(_item.raise_pending, 0).label(name) if name == "raise_pending" else _item[name]
    for name in StockItem.__dataclass_fields__
]


@dataclass(frozen=True, slots=True)
class StockFilter:
    """What to show; None means any. `text` is looked for inside descriptions, user data and stock ids."""

    blueprint_id: int | None = None
    updated_since: datetime | None = None
    sync_state: str | None = None
    text: str | None = None

    def conditions(self, user_id: UUID) -> list[ColumnElement[bool]]:
        """The WHERE clause for one seller; listings being taken off sale are hidden."""
        found: list[ColumnElement[bool]] = [_item.user_id == user_id, _item.deleted_at.is_(None)]
        if self.blueprint_id is not None:
            found.append(_item.blueprint_id == self.blueprint_id)
        if self.updated_since is not None:
            found.append(_item.updated_at >= self.updated_since)
        if self.sync_state is not None:
            # Inlined, quoted by the driver's rules: a bound value could not prove the partial index.
            state = bindparam(None, self.sync_state, type_=_item.sync_state.type, literal_execute=True)
            found.append(_item.sync_state == state)
        if self.text is not None:
            found.append(or_(*(column.icontains(self.text, autoescape=True) for column in _SEARCHED)))
        return found


async def page(
    connection: AsyncConnection,
    user_id: UUID,
    wanted: StockFilter,
    *,
    limit: int,
    offset: int = 0,
    after: Position | None = None,
) -> list[StockItem]:
    """Up to `limit` rows, newest change first, after a position or an offset."""
    query = (
        select(*_COLUMNS)
        .where(*wanted.conditions(user_id))
        .order_by(_item.updated_at.desc(), _item.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if after is not None:
        query = query.where(older_than(_item.updated_at, _item.id, after))
    return [StockItem(**row) for row in (await connection.execute(query)).mappings()]


async def count(connection: AsyncConnection, user_id: UUID, wanted: StockFilter) -> int:
    """How many rows match."""
    query = select(func.count()).select_from(user_inventory_items).where(*wanted.conditions(user_id))
    return (await connection.execute(query)).scalar_one()
