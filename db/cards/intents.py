"""Intents: what a seller wants changed at CardTrader, recorded in the transaction that changes the stock row.

Each is one operation and its rows of `item_changes`; whatever happens to them later, the row here and the change are
committed together (law L3). A stock row is locked before its changes, everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import cancelling, operations
from db.cards.intent_tables import item_changes
from db.cards.tables import user_inventory_items
from domain.cards.changes import MARKER
from domain.cards.edits import (
    CopiesReserved,
    KeyReused,
    Listing,
    NotListed,
    UnknownItem,
    VersionMoved,
    Wish,
    plan_edit,
)

Versions = frozenset[int] | None
"""Versions of a row that an editor accepts; None is any."""

_item = user_inventory_items.c
_SHOWN: Final = ("quantity", "price_cents", "description", "user_data_field", "graded", "properties")
# The clock, not the transaction's start: what was read while this waited for the row is older than the edit.
_TOUCHED: Final = {
    "sync_state": "pending",
    "row_version": _item.row_version + 1,
    "changed_at": func.clock_timestamp(),
    "updated_at": func.clock_timestamp(),
    "content_hash": None,
}
_LIST = text("""
    INSERT INTO item_changes (user_id, operation_id, action, blueprint_id, wanted, marker)
    SELECT :user_id, :operation_id, 'create', new.blueprint_id, new.wanted::jsonb, new.marker
    FROM unnest(cast(:blueprints AS int[]), cast(:wanted AS text[]), cast(:markers AS text[]))
         WITH ORDINALITY AS new(blueprint_id, wanted, marker, position)
    ORDER BY new.position
""")


@dataclass(frozen=True, slots=True)
class Recorded:
    """The row as it now is here; `operation_id` is None when nothing had to be sent."""

    operation_id: UUID | None
    item_id: int
    external_stock_id: str | None
    row_version: int
    listing: Listing


@dataclass(frozen=True, slots=True)
class NewListing:
    """A listing to put on sale; `wanted` is all of it as CardTrader is to have it, quantity and cents included."""

    blueprint_id: int
    wanted: Mapping[str, Any]


async def edit(
    connection: AsyncConnection, user_id: UUID, item_id: int, wish: Wish, *, versions: Versions, operation_id: UUID
) -> Recorded:
    """Change a listing. Raises `IntentRefused` of any kind; a change that changes nothing is none."""
    row = await _locked(connection, user_id, item_id, versions)
    product_id = _product_id(row)
    if product_id is None:
        raise NotListed
    before = _listing(row)
    planned = plan_edit(before, wish)
    if planned.is_empty:
        return Recorded(None, item_id, row.external_stock_id, row.row_version, before)
    shown = {name: getattr(planned.row, name) for name in _SHOWN} | {"raise_pending": planned.row.raise_pending or None}
    version = await _touch(connection, item_id, shown)
    await operations.register(connection, user_id, operation_id, "update", {"action": "update", "item_id": item_id})
    sent = {"product_id": product_id, "wanted": planned.wanted, "delta": planned.delta}
    await _add(connection, row, operation_id, "update", before, **sent)
    return Recorded(operation_id, item_id, row.external_stock_id, version, planned.row)


async def remove(
    connection: AsyncConnection, user_id: UUID, item_id: int, *, versions: Versions, operation_id: UUID
) -> Recorded:
    """Take a listing off sale: hidden at once, gone once CardTrader has taken it off.

    Changes of it that were not sent are superseded. A row without a product is simply gone. Raises `IntentRefused`.
    """
    row = await _locked(connection, user_id, item_id, versions)
    if row.reserved_quantity:
        raise CopiesReserved(row.reserved_quantity)
    before, product_id = _listing(row), _product_id(row)
    if product_id is None:
        await connection.execute(delete(user_inventory_items).where(_item.id == item_id))
        return Recorded(None, item_id, None, row.row_version, before)
    version = await _touch(connection, item_id, {"deleted_at": func.clock_timestamp()})
    await cancelling.supersede(connection, item_id)
    await operations.register(connection, user_id, operation_id, "delete", {"action": "delete", "item_id": item_id})
    await _add(connection, row, operation_id, "delete", before, product_id=product_id)
    return Recorded(operation_id, item_id, row.external_stock_id, version, before)


async def put_on_sale(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, listings: Sequence[NewListing], *, fingerprint: str
) -> bool:
    """Record new listings as one operation; False when that very request was recorded before.

    The stock gets its rows from CardTrader, by the re-read after it has them. Raises `KeyReused`.
    """
    metadata = {"action": "create", "fingerprint": fingerprint}
    if not await operations.register_once(connection, user_id, operation_id, "update", metadata):
        recorded = await operations.metadata_of(connection, operation_id)
        if recorded.get("fingerprint") != fingerprint:
            raise KeyReused
        return False
    await connection.execute(
        _LIST,
        {
            "user_id": user_id,
            "operation_id": str(operation_id),
            "blueprints": [listing.blueprint_id for listing in listings],
            "wanted": [json.dumps(dict(listing.wanted)) for listing in listings],
            "markers": [f"{MARKER}{operation_id.hex}-{position}" for position in range(len(listings))],
        },
    )
    return True


async def _locked(connection: AsyncConnection, user_id: UUID, item_id: int, versions: Versions) -> Row[Any]:
    query = select(user_inventory_items).where(
        _item.id == item_id, _item.user_id == user_id, _item.deleted_at.is_(None)
    )
    row = (await connection.execute(query.with_for_update())).one_or_none()
    if row is None:
        raise UnknownItem
    if versions is not None and row.row_version not in versions:
        raise VersionMoved(row.row_version)
    return row


def _product_id(row: Row[Any]) -> int | None:
    """CardTrader's id; None for a row that was never listed. Raises `NotListed` for an id that cannot be one."""
    if row.external_stock_id is None:
        return None
    if not row.external_stock_id.isdecimal():
        raise NotListed
    return int(row.external_stock_id)


def _listing(row: Row[Any]) -> Listing:
    return Listing(
        quantity=row.quantity,
        raise_pending=row.raise_pending or 0,
        reserved_quantity=row.reserved_quantity,
        price_cents=row.price_cents,
        description=row.description,
        user_data_field=row.user_data_field,
        graded=row.graded,
        properties=row.properties or {},
    )


async def _touch(connection: AsyncConnection, item_id: int, values: Mapping[str, Any]) -> int:
    """Write what shows here at once; the row's new version."""
    changed = update(user_inventory_items).where(_item.id == item_id).values(**_TOUCHED, **values)
    version: int = (await connection.execute(changed.returning(_item.row_version))).scalar_one()
    return version


async def _add(
    connection: AsyncConnection, row: Row[Any], operation_id: UUID, action: str, before: Listing, **change: Any
) -> None:
    values = {
        "user_id": row.user_id,
        "operation_id": str(operation_id),
        "action": action,
        "item_id": row.id,
        "blueprint_id": row.blueprint_id,
        "quantity_seen": before.expected,
        "price_seen": before.price_cents,
        **change,
    }
    await connection.execute(item_changes.insert().values(values))
