"""What a reconciliation found different: exact counts, and as many rows in detail as a person can read.

Everything is recorded in the transaction that corrects it, so that a repeat, which finds nothing to correct, records
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Row, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards.drift_tables import drift_counts, drift_items, found_sales
from db.cards.tables import sync_operations
from domain.cards.drift import Cause, Drift, Evidence, FailedWrite, Kind, Listing, Remains, tally

MOST_ITEMS: Final = 10_000
"""Kept in detail per report; chunks that merge at the same time may exceed it by a little."""
_MOST_AT_ONCE: Final = 1_000
_REPORTS_KEPT: Final = 20

_sale = found_sales.c

_INSERT = text("""
    INSERT INTO drift_items (user_id, operation_id, kind, blueprint_id, product_id, field, old, new, cause)
    SELECT :user_id, :operation_id, item.kind, item.blueprint_id, item.product_id, item.field, item.old::jsonb,
           item.new::jsonb, item.cause
    FROM unnest(cast(:kinds AS text[]), cast(:blueprint_ids AS int[]), cast(:product_ids AS bigint[]),
                cast(:fields AS text[]), cast(:olds AS text[]), cast(:news AS text[]), cast(:causes AS text[]))
         AS item(kind, blueprint_id, product_id, field, old, new, cause)
    ON CONFLICT (operation_id, product_id, field) DO NOTHING
""")
_LISTINGS = text("""
    SELECT id, blueprint_id, external_stock_id, quantity, price_cents, properties, description, user_data_field, graded
    FROM user_inventory_items WHERE id = ANY (cast(:ids AS bigint[])) AND external_stock_id IS NOT NULL
""")
_REMAINS = text("""
    SELECT blueprint_id, product_id, item.quantity, item.stale_since IS NULL AND item.deleted_at IS NULL AS listed
    FROM unnest(cast(:blueprints AS int[]), cast(:products AS bigint[])) AS wanted(blueprint_id, product_id)
    JOIN user_inventory_items AS item USING (blueprint_id)
    WHERE item.user_id = :user_id AND item.external_stock_id = wanted.product_id::text
""")
_SOLD = text("""
    SELECT DISTINCT product_id FROM found_sales
    WHERE operation_id = :operation_id AND product_id = ANY (cast(:products AS bigint[]))
""")
_FAILED = text("""
    SELECT change.product_id, change.wanted, change.delta, change.action,
           change.job_uuid IS NOT NULL AND change.reason = 'REFUSED' AS by_job
    FROM item_changes AS change JOIN user_sync_settings AS seller USING (user_id)
    WHERE change.user_id = :user_id AND change.product_id = ANY (cast(:products AS bigint[]))
      AND change.state = 'failed' AND change.ended_at > coalesce(seller.last_sync_at, seller.created_at)
      AND change.created_at > coalesce(seller.last_sync_at, seller.created_at) - interval '1 day'
""")
_PRUNE = text("""
    WITH old AS (SELECT operation_id FROM sync_operations
                 WHERE user_id = :user_id AND operation_type = 'periodic_sync' ORDER BY id DESC OFFSET :kept),
         sales AS (DELETE FROM found_sales WHERE operation_id IN (SELECT operation_id FROM old))
    DELETE FROM drift_items WHERE operation_id IN (SELECT operation_id FROM old)
""")


@dataclass(frozen=True, slots=True)
class DriftItem:
    """One difference as it is kept."""

    id: int
    kind: Kind
    blueprint_id: int
    product_id: int
    field: str
    old: Any
    new: Any
    cause: Cause


@dataclass(frozen=True, slots=True)
class FoundSale:
    """Copies of a product sold by an order of which no webhook had told."""

    order_id: int
    product_id: int
    blueprint_id: int
    copies: int
    quantity_before: int | None


async def listings(connection: AsyncConnection, item_ids: Collection[int]) -> dict[int, Listing]:
    """Stock rows with a product id, by their own id."""
    found = await connection.execute(_LISTINGS, {"ids": list(item_ids)})
    return {row.id: _listing(row) for row in found}


def _listing(row: Row[Any]) -> Listing:
    _, blueprint_id, product, quantity, price, properties, *rest = row
    return Listing(blueprint_id, int(product), quantity, price, properties or {}, *rest)


async def evidence(
    connection: AsyncConnection, user_id: UUID, operation_id: UUID, products: Collection[int]
) -> dict[int, Evidence]:
    """What is known of products: sales this operation found, and writes that failed since the last sync."""
    wanted = list(products)
    found = await connection.execute(_SOLD, {"operation_id": str(operation_id), "products": wanted})
    sold = set(found.scalars())
    failed: dict[int, list[FailedWrite]] = {}
    for row in await connection.execute(_FAILED, {"user_id": user_id, "products": wanted}):
        failed.setdefault(row.product_id, []).append(_failed_write(row))
    return {product: Evidence(product in sold, tuple(failed.get(product, ()))) for product in sold | failed.keys()}


def _failed_write(row: Row[Any]) -> FailedWrite:
    fields = {*row.wanted, *(("quantity",) if row.delta or row.action == "delete" else ())}
    return FailedWrite(frozenset(fields), by_job=row.by_job)


async def record(connection: AsyncConnection, user_id: UUID, operation_id: UUID, drifts: Sequence[Drift]) -> None:
    """Count all, and keep the first of them in detail."""
    if not drifts:
        return
    await _keep(connection, user_id, operation_id, drifts)
    # Last, and always in the same order: chunks that merge at the same time wait for each other's counts.
    fresh = insert(drift_counts).values(
        [
            {"user_id": user_id, "operation_id": str(operation_id), "kind": kind, "cause": cause, "rows": rows}
            for (kind, cause), rows in tally(drifts).items()
        ]
    )
    added = {"rows": drift_counts.c.rows + fresh.excluded.rows}
    await connection.execute(fresh.on_conflict_do_update(index_elements=["operation_id", "kind", "cause"], set_=added))


async def _keep(connection: AsyncConnection, user_id: UUID, operation_id: UUID, drifts: Iterable[Drift]) -> None:
    kept = await connection.scalar(
        select(func.count()).select_from(drift_items).where(drift_items.c.operation_id == str(operation_id))
    )
    found = [(drift, finding) for drift in drifts for finding in drift.findings]
    found = found[: max(0, min(_MOST_AT_ONCE, MOST_ITEMS - (kept or 0)))]
    if not found:
        return
    await connection.execute(
        _INSERT,
        {
            "user_id": user_id,
            "operation_id": str(operation_id),
            "kinds": [drift.kind for drift, _ in found],
            "blueprint_ids": [drift.blueprint_id for drift, _ in found],
            "product_ids": [drift.product_id for drift, _ in found],
            "fields": [finding.field for _, finding in found],
            "olds": [json.dumps(finding.old) for _, finding in found],
            "news": [json.dumps(finding.new) for _, finding in found],
            "causes": [finding.cause for _, finding in found],
        },
    )


async def counts(connection: AsyncConnection, operation_id: UUID) -> dict[tuple[Kind, Cause], int]:
    """Rows by kind and cause so far."""
    columns = drift_counts.c
    query = select(columns.kind, columns.cause, columns.rows).where(columns.operation_id == str(operation_id))
    return {(cast("Kind", kind), cast("Cause", cause)): rows for kind, cause, rows in await connection.execute(query)}


async def forget_counts(connection: AsyncConnection, user_id: UUID, operation_id: UUID) -> None:
    """The operation keeps the counts now; details of old reports go."""
    await connection.execute(delete(drift_counts).where(drift_counts.c.operation_id == str(operation_id)))
    await connection.execute(_PRUNE, {"user_id": user_id, "kept": _REPORTS_KEPT})


async def sales_found(connection: AsyncConnection, operation_id: UUID) -> list[FoundSale]:
    """Sales this operation found, oldest order first."""
    columns = [_sale[name] for name in FoundSale.__dataclass_fields__]
    query = select(*columns).where(_sale.operation_id == str(operation_id)).order_by(_sale.order_id)
    return [FoundSale(*row) for row in await connection.execute(query)]


async def remains(
    connection: AsyncConnection, user_id: UUID, products: Collection[tuple[int, int]]
) -> dict[tuple[int, int], Remains]:
    """What stock rows show, by (blueprint, product); those that are gone are absent."""
    wanted = {
        "user_id": user_id,
        "blueprints": [blueprint for blueprint, _ in products],
        "products": [product for _, product in products],
    }
    found = await connection.execute(_REMAINS, wanted)
    return {(row.blueprint_id, row.product_id): Remains(row.quantity, row.listed) for row in found}


async def add_sales(connection: AsyncConnection, user_id: UUID, operation_id: UUID, sales: Sequence[FoundSale]) -> None:
    """Note what an order sold; a repeat notes nothing."""
    rows = [
        {"user_id": user_id, "operation_id": str(operation_id)}
        | {name: getattr(sale, name) for name in FoundSale.__dataclass_fields__}
        for sale in sales
    ]
    await connection.execute(insert(found_sales).on_conflict_do_nothing(), rows)


async def page(
    connection: AsyncConnection,
    operation_id: str,
    *,
    limit: int,
    kind: Kind | None = None,
    cause: Cause | None = None,
    after: int | None = None,
) -> list[DriftItem]:
    """Differences of a report in the order in which they were found."""
    columns = drift_items.c
    query = select(*(columns[name] for name in DriftItem.__dataclass_fields__)).where(
        columns.operation_id == operation_id
    )
    if kind is not None:
        query = query.where(columns.kind == kind)
    if cause is not None:
        query = query.where(columns.cause == cause)
    if after is not None:
        query = query.where(columns.id > after)
    return [DriftItem(*row) for row in await connection.execute(query.order_by(columns.id).limit(limit))]


async def newest_report(connection: AsyncConnection, user_id: UUID) -> str | None:
    """Id of the seller's latest operation that ended with a report."""
    columns = sync_operations.c
    query = (
        select(columns.operation_id)
        .where(columns.user_id == user_id, columns.operation_type == "periodic_sync")
        .where(columns.operation_metadata.has_key("drift"))
        .order_by(columns.created_at.desc(), columns.id.desc())
        .limit(1)
    )
    found: str | None = (await connection.execute(query)).scalar()
    return found
