"""Merges a set of exported rows into the stock rows of one key range, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.cards.watching import UNWATCHED, Watch
from clients.catalog import CatalogSnapshot
from db import failed_records
from db.cards import late_sales, stock
from db.cards.staging import ChunkCounters
from db.cards.stock_copy import stock_copy
from domain.cards.chunks import Ints, Keys, Scope
from domain.cards.mapping import BlueprintMapping, MappingStatus
from domain.cards.merge import MergePlan, content_hash, plan_merge
from domain.cards.products import BadProduct, Product, read_products
from domain.cards.rows import Mapping, StockRow, stock_row


@dataclass(frozen=True)
class Incoming:
    """Rows of an export: their keys, what they are the whole truth of, and how to get their JSON array."""

    keys: Keys
    scope: Scope
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


@dataclass(frozen=True)
class Columns:
    """What the catalogue makes of rows: their mapping, and the content hash that covers it."""

    mapping: BlueprintMapping
    hashes: Ints

    @property
    def unmapped(self) -> int:
        """Rows that are kept without a print."""
        return int(np.count_nonzero(self.mapping.status != MappingStatus.MAPPED))


def map_columns(keys: Keys, snapshot: CatalogSnapshot) -> Columns:
    """Look up the blueprints of rows with keys of dtype `KEY`."""
    mapping = snapshot.lookup(keys["blueprint"])
    return Columns(mapping, content_hash(keys["hash"], mapping))


async def merge(
    connection: AsyncConnection,
    stamp: stock.MergeStamp,
    incoming: Incoming,
    snapshot: CatalogSnapshot,
    watch: Watch = UNWATCHED,
) -> Merged:
    """Compare, then write what differs, unless it is watched dry. Raises database errors, or what `json` raises."""
    keys = incoming.keys
    columns = map_columns(keys, snapshot)
    held = await stock.held(connection, stamp, incoming.scope)
    plan = plan_merge(keys["blueprint"], keys["product"], columns.hashes, held)
    written = _Written()
    if len(plan.new) + len(plan.changed):
        written = await _write(connection, stamp, plan, columns, incoming, watch)
    if stamp.settles and not watch.dry_run:
        await _settle_letters(connection, stamp, keys)
    counters = ChunkCounters(
        rows=len(keys),
        created=written.created,
        updated=written.updated,
        unchanged=plan.unchanged,
        skipped=columns.unmapped,
        contested=plan.contested + len(written.moved_blueprints),
        failed=written.failed,
    )
    contested = {*plan.contested_blueprints.tolist(), *written.moved_blueprints}
    return Merged(counters, plan.missing_items.tolist(), sorted(contested))


async def _write(
    connection: AsyncConnection,
    stamp: stock.MergeStamp,
    plan: MergePlan,
    columns: Columns,
    incoming: Incoming,
    watch: Watch,
) -> _Written:
    products = read_products(await incoming.json(), np.concatenate([plan.new, plan.changed]).tolist())
    letters = [_letter(bad) for bad in products if isinstance(bad, BadProduct)]
    fresh = products[: len(plan.new)]
    created = len(fresh) - sum(isinstance(product, BadProduct) for product in fresh)
    stream = stock_copy(stamp.user_id, stamp.operation_id, stamp.began, _mapped(plan.new, fresh, columns))
    changed = _changed_rows(plan, products[len(plan.new) :], columns)
    await watch.before(connection, fresh, changed)
    # The database takes its time: the products, many times the size of their rows, need not wait for it.
    del products, fresh
    if watch.dry_run:
        written = set(changed)
    else:
        written = await _store(connection, stamp, letters, stream if created else b"", changed)
    await watch.after(connection, written)
    moved = [row[0] for item_id, row in changed.items() if item_id not in written]
    return _Written(created, len(written), len(letters), moved)


async def _store(
    connection: AsyncConnection,
    stamp: stock.MergeStamp,
    letters: list[failed_records.Letter],
    stream: bytes,
    changed: dict[int, StockRow],
) -> set[int]:
    """Bury, insert, overwrite; the rows that were still at rest."""
    await failed_records.bury(connection, stamp.user_id, stamp.operation_id, letters, context="cards", stage="validate")
    if stream:
        await stock.insert(connection, stream)
        await late_sales.lower_new_rows(connection, stamp)
    return await stock.update(connection, stamp, changed) if changed else set()


def _mapped(
    positions: Ints, products: list[Product | BadProduct], columns: Columns
) -> Iterator[tuple[Product, Mapping, int]]:
    """The usable products at `positions`, with their mapping and content hash."""
    mapping = columns.mapping
    codes = (column[positions].tolist() for column in (mapping.status, mapping.print_id, mapping.table))
    hashes = columns.hashes[positions].tolist()
    for product, mapped, hash_ in zip(products, zip(*codes, strict=True), hashes, strict=True):
        if not isinstance(product, BadProduct):
            yield product, mapped, hash_


def _changed_rows(plan: MergePlan, products: list[Product | BadProduct], columns: Columns) -> dict[int, StockRow]:
    usable = [not isinstance(product, BadProduct) for product in products]
    rows = (stock_row(*parts) for parts in _mapped(plan.changed, products, columns))
    return dict(zip(plan.changed_items[usable].tolist(), rows, strict=True))


async def _settle_letters(connection: AsyncConnection, stamp: stock.MergeStamp, keys: Keys) -> None:
    """What was unusable before, and could be used now, is no dead letter any more."""
    products = [str(product_id) for product_id in keys["product"].tolist()]
    await failed_records.settle_used(
        connection, stamp.user_id, stamp.operation_id, products, context="cards", stage="validate"
    )


def _letter(bad: BadProduct) -> failed_records.Letter:
    return failed_records.Letter(str(bad.product_id), str(bad), bad.raw)
