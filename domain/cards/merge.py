"""What one chunk of an export does to the stock: decided here, on columns, without looking at a product.

CardTrader's export wins over a row at rest. A row that is pending, uncertain, reserved, or that changed after
the export began is contested: it is left alone and read again later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.cards.chunks import Ints, Mask
from domain.cards.mapping import BlueprintMapping

AT_REST, CONTESTED, STALE = 0, 1, 2
"""Standing of a stock row: mergeable, not to be touched, and retired by an earlier export."""


@dataclass(frozen=True)
class StockColumns:
    """The stock rows in a chunk's key range, one array per column."""

    item_id: Ints
    blueprint: Ints
    product: Ints
    hash: Ints
    standing: Ints


@dataclass(frozen=True)
class MergePlan:
    """Positions into the chunk (`new`, `changed`) and ids of stock rows.

    `changed_items[i]` is the stock row of chunk position `changed[i]`. `contested` and `unchanged` count rows
    of the chunk, so that new + changed + unchanged + contested is the whole chunk (law L6).
    """

    new: Ints
    changed: Ints
    changed_items: Ints
    unchanged: int
    contested: int
    contested_blueprints: Ints
    missing_items: Ints

    @property
    def written(self) -> Ints:
        """Positions of the rows that the plan writes, ascending."""
        return np.sort(np.concatenate([self.new, self.changed]))


def content_hash(row_hash: Ints, mapping: BlueprintMapping) -> Ints:
    """Hash of a product and of its mapping: a catalogue that learns a card changes it too."""
    mapped = mapping.print_id.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mapped ^= (mapping.table.astype(np.uint64) << np.uint64(8)) | mapping.status.astype(np.uint64)
    mapped *= np.uint64(0xC2B2AE3D27D4EB4F)
    return (row_hash.astype(np.uint64) ^ mapped).view(np.int64)


def plan_merge(blueprint: Ints, product: Ints, hash_: Ints, stock: StockColumns) -> MergePlan:
    """Compare a chunk (three columns; products are unique) with the stock rows in its key range."""
    row, found = _match(blueprint, product, stock)
    contested = stock.standing == CONTESTED
    at_rest = found & ~contested
    same = at_rest & (stock.standing == AT_REST)
    same[same] = hash_[row[same]] == stock.hash[same]
    changed = at_rest & ~same
    known = np.zeros(len(product), dtype=bool)
    known[row[found]] = True
    return MergePlan(
        new=np.flatnonzero(~known),
        changed=row[changed],
        changed_items=stock.item_id[changed],
        unchanged=int(same.sum()),
        contested=int((found & contested).sum()),
        contested_blueprints=np.unique(stock.blueprint[contested]),
        missing_items=stock.item_id[~found & ~contested],
    )


def _match(blueprint: Ints, product: Ints, stock: StockColumns) -> tuple[Ints, Mask]:
    """For each stock row its position in the chunk, and whether it has one."""
    if not len(product):
        return np.zeros(len(stock.product), dtype=np.int64), np.zeros(len(stock.product), dtype=bool)
    order = np.argsort(product)
    place = np.searchsorted(product, stock.product, sorter=order)
    row = order[np.minimum(place, len(product) - 1)]
    return row, (product[row] == stock.product) & (blueprint[row] == stock.blueprint)
