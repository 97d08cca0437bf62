"""Merges a set of exported rows into the stock rows of one key range, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from clients.catalog import CatalogSnapshot
from db import failed_records
from db.cards import stock
from db.cards.staging import ChunkCounters
from domain.cards.chunks import Ints, KeyRange, Keys
from domain.cards.mapping import BlueprintMapping, MappingStatus
from domain.cards.merge import MergePlan, content_hash, plan_merge
from domain.cards.products import BadProduct, Product, read_products
from domain.cards.rows import Mapping, StockRow, stock_row


@dataclass(frozen=True)
class Incoming:
    """Rows of an export: their keys, the range they are the whole truth of, and how to get their JSON array."""

    keys: Keys
    range: KeyRange
    json: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True)
class Merged:
    """What a merge did, and what it left: ids the export lacks, blueprints to read again."""

    counters: ChunkCounters
    missing_items: list[int]
    contested_blueprints: list[int]


@dataclass(frozen=True)
class _Written:
    created: int = 0
    updated: int = 0
    failed: int = 0
    moved_blueprints: Sequence[int] = ()


async def merge(
    connection: AsyncConnection, stamp: stock.MergeStamp, incoming: Incoming, snapshot: CatalogSnapshot
) -> Merged:
    """Compare, then write what differs. Raises database errors, or what `incoming.json` raises."""
    keys = incoming.keys
    mapping = snapshot.lookup(keys["blueprint"])
    hashes = content_hash(keys["hash"], mapping)
    held = await stock.in_range(connection, stamp, incoming.range)
    plan = plan_merge(keys["blueprint"], keys["product"], hashes, held)
    written = _Written()
    if len(plan.new) + len(plan.changed):
        written = await _write(connection, stamp, plan, _Columns(mapping, hashes), await incoming.json())
    counters = ChunkCounters(
        rows=len(keys),
        created=written.created,
        updated=written.updated,
        unchanged=plan.unchanged,
        skipped=int(np.count_nonzero(mapping.status != MappingStatus.MAPPED)),
        contested=plan.contested + len(written.moved_blueprints),
        failed=written.failed,
    )
    contested = {*plan.contested_blueprints.tolist(), *written.moved_blueprints}
    return Merged(counters, plan.missing_items.tolist(), sorted(contested))


@dataclass(frozen=True)
class _Columns:
    mapping: BlueprintMapping
    hashes: Ints


async def _write(
    connection: AsyncConnection, stamp: stock.MergeStamp, plan: MergePlan, columns: _Columns, json: bytes
) -> _Written:
    products = read_products(json, np.concatenate([plan.new, plan.changed]).tolist())
    letters = [_letter(bad) for bad in products if isinstance(bad, BadProduct)]
    await failed_records.bury(connection, stamp.user_id, stamp.operation_id, letters, context="cards", stage="validate")
    new = list(_mapped(plan.new, products[: len(plan.new)], columns))
    if new:
        await stock.insert(connection, stamp, new)
    changed = _changed_rows(plan, products[len(plan.new) :], columns)
    written = await stock.update(connection, stamp, changed) if changed else set()
    moved = [row[0] for item_id, row in changed.items() if item_id not in written]
    return _Written(len(new), len(written), len(letters), moved)


def _mapped(
    positions: Ints, products: list[Product | BadProduct], columns: _Columns
) -> Iterator[tuple[Product, Mapping, int]]:
    """The usable products at `positions`, with their mapping and content hash."""
    mapping = columns.mapping
    codes = (column[positions].tolist() for column in (mapping.status, mapping.print_id, mapping.table))
    hashes = columns.hashes[positions].tolist()
    for product, mapped, hash_ in zip(products, zip(*codes, strict=True), hashes, strict=True):
        if not isinstance(product, BadProduct):
            yield product, mapped, hash_


def _changed_rows(plan: MergePlan, products: list[Product | BadProduct], columns: _Columns) -> dict[int, StockRow]:
    usable = [not isinstance(product, BadProduct) for product in products]
    rows = (stock_row(*parts) for parts in _mapped(plan.changed, products, columns))
    return dict(zip(plan.changed_items[usable].tolist(), rows, strict=True))


def _letter(bad: BadProduct) -> failed_records.Letter:
    return failed_records.Letter(str(bad.product_id), str(bad), bad.raw)
