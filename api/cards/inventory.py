"""The seller's stock, page by page."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.cards.deps import ServicesDep
from api.cards.parameters import PREFIX, CursorQuery, LimitQuery, clamp, decode_cursor, next_cursor, page_size
from api.deps import OwnerDep
from api.errors import documented
from api.parameters import MAX_INT, Instant, Text
from db.cards import inventory
from db.cards.inventory import StockFilter
from db.keyset import Position

router = APIRouter(prefix=PREFIX, tags=["inventory"])

SyncState = Literal["synced", "pending", "uncertain", "failed"]


class InventoryItem(BaseModel):
    """One listing."""

    id: int = Field(description="our id of the row")
    blueprint_id: int = Field(description="CardTrader's id of the printed card or product")
    quantity: int = Field(description="copies for sale")
    raise_pending: int = Field(description="copies added by an edit; for sale once CardTrader has confirmed them")
    price_cents: int = Field(description="price of one copy, in cents of the account's currency")
    properties: dict[str, Any] | None = Field(description="condition, language, foil ... in CardTrader's names")
    external_stock_id: str | None = Field(description="CardTrader's product id")
    description: str | None = Field(description="text shown to buyers")
    user_data_field: str | None = Field(description="text of the seller's own, not shown to buyers")
    graded: bool | None = Field(description="whether the card is graded")
    updated_at: datetime = Field(description="when the row last changed")
    created_at: datetime = Field(description="when the row was first seen")
    sync_state: SyncState = Field(description="whether CardTrader is known to hold the same")
    mapping_status: Literal["mapped", "missing", "ambiguous"] = Field(description="what the catalogue knows of it")
    print_id: int | None = Field(description="id of the print in the catalogue")
    print_table: str | None = Field(description="catalogue table of that id")
    row_version: int = Field(description="grows with every change; the ETag of the item")
    reserved_quantity: int = Field(description="copies held for purchases in progress")
    stale_since: datetime | None = Field(description="set while a complete export lacks the product")


class InventoryPage(BaseModel):
    """Rows, newest change first."""

    user_id: UUID = Field(description="the seller")
    items: list[InventoryItem] = Field(description="the rows of this page")
    total: int = Field(description="rows that match the filters, over all pages")
    next_cursor: str | None = Field(description="`cursor` of the next page; null when this is the last")


@router.get("/inventory/{user_id}", responses=documented(400, 401, 403, 422))
async def list_inventory(
    user_id: OwnerDep,
    services: ServicesDep,
    limit: LimitQuery = 100,
    offset: Annotated[int, Query(description="rows to skip; negative values count as 0; slow when large")] = 0,
    cursor: CursorQuery = None,
    blueprint_id: Annotated[int | None, Query(ge=1, le=MAX_INT, description="only this blueprint")] = None,
    updated_since: Annotated[Instant | None, Query(description="only rows changed at or after this time")] = None,
    sync_state: Annotated[SyncState | None, Query(description="only rows in this state")] = None,
    q: Annotated[
        Text | None,
        Query(min_length=1, max_length=200, description="text in description, user_data_field or external_stock_id"),
    ] = None,
) -> InventoryPage:
    """The seller's stock."""
    size, after = page_size(limit), decode_cursor(cursor)
    wanted = StockFilter(blueprint_id, updated_since, sync_state, q)
    async with services.transaction() as connection:
        rows = await inventory.page(
            connection, user_id, wanted, limit=size, offset=clamp(offset, 0, MAX_INT), after=after
        )
        total = await inventory.count(connection, user_id, wanted)
    return InventoryPage(
        user_id=user_id,
        items=[InventoryItem(**asdict(row)) for row in rows],
        total=total,
        next_cursor=next_cursor([Position(row.updated_at, row.id) for row in rows], size),
    )
