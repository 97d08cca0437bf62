"""The merge of one export chunk into `user_inventory_items`, set by set (decisions: domain.cards.merge)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.stock_copy import COLUMNS as COPY_COLUMNS
from domain.cards.chunks import KeyRange, Scope, TheseRows
from domain.cards.merge import StockColumns
from domain.cards.rows import COLUMNS, StockRow

_LOW, _HIGH = -(2**31), 2**31 - 1

# The standing codes are those of domain.cards.merge: contested 1, stale 2, at rest 0. Whoever changes a row
# locally clears its content hash, so that the next export is compared with nothing and written.
# BETWEEN says nothing new; without it the planner takes two row comparisons for half the table and scans all of it.
_STOCK_COLUMNS = """
    SELECT array_agg(id), array_agg(blueprint_id::bigint), array_agg(external_stock_id::bigint),
           array_agg(coalesce(content_hash, 0)),
           array_agg(CASE WHEN sync_state <> ALL (cast(:mergeable AS sync_state_enum[]))
                               OR reserved_quantity > 0 OR changed_at > :began THEN 1
                          WHEN stale_since IS NOT NULL OR content_hash IS NULL OR sync_state <> 'synced' THEN 2
                          ELSE 0 END)
    FROM user_inventory_items
    WHERE user_id = :user_id AND external_stock_id IS NOT NULL
"""
_IN_RANGE = text(f"""
    {_STOCK_COLUMNS}
      AND blueprint_id BETWEEN :low_blueprint AND :high_blueprint
      AND (blueprint_id, external_stock_id) >= (:low_blueprint, :low_product)
      AND (blueprint_id, external_stock_id) < (:high_blueprint, :high_product)
""")
_OF_BLUEPRINTS = text(f"{_STOCK_COLUMNS} AND blueprint_id = ANY (cast(:blueprints AS int[]))")
_OF_KEYS = text(f"""
    {_STOCK_COLUMNS}
      AND (blueprint_id, external_stock_id) IN (
          SELECT unnest(cast(:blueprints AS int[])), unnest(cast(:products AS text[])))
""")

# The conditions repeat those of `_IN_RANGE`: an edit, a sale or a reservation may have come in between.
# Hidden from the planner in `coalesce`: what it knows of these columns is from before the sync that wrote them all. It
# would expect a row or two of that state, look for them first, and hold each of thousands against every new row.
_UPDATE = text("""
    UPDATE user_inventory_items AS item
    SET blueprint_id = new.blueprint_id, quantity = new.quantity, price_cents = new.price_cents,
        properties = new.properties::jsonb, description = new.description,
        user_data_field = new.user_data_field, graded = new.graded, changed_at = :began,
        print_id = new.print_id, print_table = new.print_table,
        mapping_status = new.mapping_status::mapping_status_enum, content_hash = new.content_hash,
        last_seen_operation_id = :operation_id, stale_since = NULL, sync_state = 'synced', updated_at = now(),
        row_version = item.row_version + 1, raise_pending = NULL, deleted_at = NULL
    FROM unnest(cast(:item_ids AS bigint[]), cast(:blueprint_ids AS int[]), cast(:quantities AS int[]),
                cast(:prices AS int[]), cast(:properties AS text[]), cast(:descriptions AS text[]),
                cast(:user_data AS text[]), cast(:graded AS boolean[]), cast(:print_ids AS bigint[]),
                cast(:print_tables AS text[]), cast(:statuses AS text[]), cast(:hashes AS bigint[]))
         AS new(item_id, blueprint_id, quantity, price_cents, properties, description, user_data_field, graded,
                print_id, print_table, mapping_status, content_hash)
    WHERE item.id = new.item_id AND coalesce(
        item.sync_state = ANY (cast(:mergeable AS sync_state_enum[])) AND item.reserved_quantity = 0
        AND item.changed_at <= :began, false)
    RETURNING item.id
""")


@dataclass(frozen=True)
class MergeStamp:
    """Who merges, and as of when the values are true. A targeted re-read `settles` uncertain rows too."""

    user_id: UUID
    operation_id: UUID
    began: datetime
    settles: bool = False

    @property
    def mergeable(self) -> list[str]:
        """States of the rows that may be overwritten."""
        return ["synced", "uncertain"] if self.settles else ["synced"]


async def held(connection: AsyncConnection, stamp: MergeStamp, scope: Scope) -> StockColumns:
    """The listed rows of the seller in that scope; the stamp tells which are contested."""
    if isinstance(scope, KeyRange):
        return await in_range(connection, stamp, scope)
    if isinstance(scope, TheseRows):
        blueprints, products = scope.keys["blueprint"].tolist(), list(map(str, scope.keys["product"].tolist()))
        return await _columns(connection, _OF_KEYS, stamp, {"blueprints": blueprints, "products": products})
    return await _columns(connection, _OF_BLUEPRINTS, stamp, {"blueprints": list(scope)})


async def in_range(connection: AsyncConnection, stamp: MergeStamp, range_: KeyRange) -> StockColumns:
    """The listed rows of the seller in a key range; the stamp decides which count as contested."""
    low, high = range_.low, range_.high
    return await _columns(
        connection,
        _IN_RANGE,
        stamp,
        {
            "low_blueprint": low.blueprint_id if low else _LOW,
            "low_product": str(low.product_id) if low else "",
            "high_blueprint": high.blueprint_id if high else _HIGH,
            "high_product": str(high.product_id) if high else "",
        },
    )


async def _columns(
    connection: AsyncConnection, query: TextClause, stamp: MergeStamp, scope: Mapping[str, object]
) -> StockColumns:
    whose = {"user_id": stamp.user_id, "began": stamp.began, "mergeable": stamp.mergeable}
    row = await connection.execute(query, {**whose, **scope})
    return StockColumns(*(np.array(column or (), dtype=np.int64) for column in row.one()))


async def insert(connection: AsyncConnection, stream: bytes) -> None:
    """COPY new rows, encoded by `stock_copy`.

    A row that came into being meanwhile fails the transaction, whose repeat then sees it.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None  # noqa: S101  (an open connection has one; for the type checker)
    # Not a file: the driver would make a class for it, a cycle that keeps the stream until it is collected.
    await driver.copy_to_table(
        "user_inventory_items", source=memoryview(stream), columns=list(COPY_COLUMNS), format="binary"
    )


async def update(connection: AsyncConnection, stamp: MergeStamp, rows: dict[int, StockRow]) -> set[int]:
    """Overwrite rows at rest, by id; returns the ids written. One that moved meanwhile is not among them."""
    columns = [list(column) for column in zip(*rows.values(), strict=True)]
    named = dict(zip(COLUMNS, columns, strict=True))
    written = await connection.execute(
        _UPDATE,
        {
            "began": stamp.began,
            "operation_id": stamp.operation_id,
            "mergeable": stamp.mergeable,
            "item_ids": list(rows),
            "blueprint_ids": named["blueprint_id"],
            "quantities": named["quantity"],
            "prices": named["price_cents"],
            "properties": named["properties"],
            "descriptions": named["description"],
            "user_data": named["user_data_field"],
            "graded": named["graded"],
            "print_ids": named["print_id"],
            "print_tables": named["print_table"],
            "statuses": named["mapping_status"],
            "hashes": named["content_hash"],
        },
    )
    return set(written.scalars())


# Rows the export lacks, unless they moved since the merge, or the export has them but they could not be read.
_MISSING = text("""
    SELECT item.id, item.stale_since IS NOT NULL AS stale
    FROM (SELECT DISTINCT unnest(missing_item_ids) AS id FROM export_chunks WHERE operation_id = :operation_id) AS gone
    JOIN user_inventory_items AS item ON item.id = gone.id AND item.user_id = :user_id
    WHERE item.sync_state = 'synced' AND item.reserved_quantity = 0 AND item.changed_at <= :began
      AND NOT EXISTS (SELECT 1 FROM failed_records AS letter
                      WHERE letter.context = 'cards' AND letter.user_id = :user_id AND letter.stage = 'validate'
                        AND letter.subject = item.external_stock_id AND letter.resolved_at IS NULL)
    FOR UPDATE OF item
""")


async def missing_rows(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, began: datetime
) -> tuple[list[int], list[int]]:
    """Rows the export lacks, locked: those it had before, and those missing for the second time."""
    found = await connection.execute(_MISSING, {"user_id": user_id, "operation_id": str(operation_id), "began": began})
    rows = found.all()
    return [row.id for row in rows if not row.stale], [row.id for row in rows if row.stale]


_RETIRE = text("""
    UPDATE user_inventory_items
    SET quantity = 0, stale_since = :began, sync_state = 'synced', content_hash = NULL, changed_at = :began,
        updated_at = now(), row_version = row_version + 1, raise_pending = NULL
    WHERE id = ANY(cast(:ids AS bigint[])) AND sync_state IN ('synced', 'uncertain')
      AND reserved_quantity = 0 AND changed_at <= :began
""")
_BLUEPRINT_OF = text("""
    SELECT blueprint_id FROM user_inventory_items WHERE user_id = :user_id AND external_stock_id = :product_id LIMIT 1
""")
_ONE_MORE = text("SELECT 1 FROM user_inventory_items WHERE user_id = :user_id OFFSET :rows LIMIT 1")
_REMOVE = text("DELETE FROM user_inventory_items WHERE id = ANY(cast(:ids AS bigint[]))")


async def retire(connection: AsyncConnection, ids: list[int], began: datetime) -> None:
    """Missing once: nothing left to sell, marked stale. A row that moved since it was read is left alone."""
    await connection.execute(_RETIRE, {"ids": ids, "began": began})


async def remove(connection: AsyncConnection, ids: list[int]) -> None:
    """Missing twice: gone."""
    await connection.execute(_REMOVE, {"ids": ids})


async def blueprint_of(connection: AsyncConnection, user_id: UUID, product_id: str) -> int | None:
    """Blueprint of a listed product; None when it is not in the stock."""
    found = await connection.execute(_BLUEPRINT_OF, {"user_id": user_id, "product_id": product_id})
    blueprint_id: int | None = found.scalar()
    return blueprint_id


async def has_more_than(connection: AsyncConnection, user_id: UUID, rows: int) -> bool:
    """Whether the seller's stock is larger; a large one is only counted as far as it matters."""
    found = await connection.execute(_ONE_MORE, {"user_id": user_id, "rows": rows})
    return found.scalar() is not None
