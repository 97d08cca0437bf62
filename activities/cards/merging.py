"""Merges a set of exported rows into the stock rows of one key range, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from clients.catalog import CatalogSnapshot
from db import failed_records
from db.cards import stock
from db.cards.staging import ChunkCounters
from domain.cards.chunks import Ints, KeyRange, Keys
from domain.cards.merge import MappingColumns, MergePlan, content_hash, plan_merge
from domain.cards.products import BadProduct, decode_products, product_id
from domain.cards.rows import MAPPED, StockRow, stock_row


@dataclass(frozen=True)
class Incoming:
    """Rows of an export: their keys, the range they are the whole truth of, and how to get their JSON."""

    keys: Keys
    range: KeyRange
    raws: Callable[[], Awaitable[list[msgspec.Raw]]]


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
    """Compare, then write what differs. Raises database errors, or what `incoming.raws` raises."""
    keys = incoming.keys
    found = snapshot.lookup(keys["blueprint"])
    mapping = MappingColumns(found.print_id, found.table, found.status)
    hashes = content_hash(keys["hash"], mapping)
    held = await stock.in_range(connection, stamp, incoming.range)
    plan = plan_merge(keys["blueprint"], keys["product"], hashes, held)
    written = _Written()
    if len(plan.new) + len(plan.changed):
        written = await _write(connection, stamp, plan, _Columns(mapping, hashes), await incoming.raws())
    counters = ChunkCounters(
        rows=len(keys),
        created=written.created,
        updated=written.updated,
        unchanged=plan.unchanged,
        skipped=int(np.count_nonzero(mapping.status != MAPPED)),
        contested=plan.contested + len(written.moved_blueprints),
        failed=written.failed,
    )
    contested = {*plan.contested_blueprints.tolist(), *written.moved_blueprints}
    return Merged(counters, plan.missing_items.tolist(), sorted(contested))


@dataclass(frozen=True)
class _Columns:
    mapping: MappingColumns
    hashes: Ints


async def _write(
    connection: AsyncConnection, stamp: stock.MergeStamp, plan: MergePlan, columns: _Columns, raws: list[msgspec.Raw]
) -> _Written:
    rows, letters = _build(np.concatenate([plan.new, plan.changed]), raws, columns)
    await failed_records.bury(connection, stamp.user_id, stamp.operation_id, letters, context="cards", stage="validate")
    items = dict(zip(plan.changed.tolist(), plan.changed_items.tolist(), strict=True))
    new = [row for position, row in rows if position not in items]
    changed = {items[position]: row for position, row in rows if position in items}
    if new:
        await stock.insert(connection, stamp, new)
    written = await stock.update(connection, stamp, changed) if changed else set()
    moved = [row[0] for item_id, row in changed.items() if item_id not in written]
    return _Written(len(new), len(written), len(letters), moved)


def _build(
    positions: Ints, raws: list[msgspec.Raw], columns: _Columns
) -> tuple[list[tuple[int, StockRow]], list[failed_records.Letter]]:
    """Stock rows by their position, and a dead letter for each product that is none."""
    mapping = columns.mapping
    codes = zip(
        *(column[positions].tolist() for column in (mapping.status, mapping.print_id, mapping.table)), strict=True
    )
    hashes = columns.hashes[positions].tolist()
    places = positions.tolist()
    chosen = [raws[place] for place in places]
    rows: list[tuple[int, StockRow]] = []
    letters: list[failed_records.Letter] = []
    for place, raw, product, mapped, hash_ in zip(places, chosen, decode_products(chosen), codes, hashes, strict=True):
        if isinstance(product, BadProduct):
            letters.append(failed_records.Letter(str(product_id(raw)), str(product), bytes(raw)))
        else:
            rows.append((place, stock_row(product, mapped, hash_)))
    return rows, letters
