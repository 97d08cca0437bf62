"""The mutable stock of one seller: columns that grow, free fields that were written, and the blocks that changed."""

from __future__ import annotations

from dataclasses import fields
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from .blueprints import Blueprint
from .generator import Columns
from .rows import Texts, generated_texts

Rows: TypeAlias = NDArray[np.intp]

BLOCK: Final = 5000
_TRUTH: Final = np.dtype([("id", "<i8"), ("blueprint_id", "<i8"), ("quantity", "<i4"), ("price_cents", "<i4")])


class Listing(msgspec.Struct, frozen=True):
    """One product by value. `properties` are choices by slot."""

    id: int
    blueprint_id: int
    quantity: int
    price_cents: int
    properties: tuple[int, ...]
    bundle_size: int
    texts: Texts


class Stock:
    """Products of one seller. Ids only grow, so rows stay sorted by id and a look-up is a binary search."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._size = len(columns)
        self.texts: dict[int, Texts] = {}
        self.dirty: set[int] = set()

    @property
    def columns(self) -> Columns:
        """Views of all rows, dead ones included."""
        return self._columns.slice(0, self._size)

    @property
    def blocks(self) -> int:
        """How many blocks of BLOCK rows there are."""
        return -(-self._size // BLOCK)

    def block(self, number: int) -> Columns:
        """Views of the rows of one block."""
        return self._columns.slice(number * BLOCK, min((number + 1) * BLOCK, self._size))

    def take(self, rows: Rows) -> Columns:
        """Copies of some rows."""
        columns = self.columns
        return Columns(*(getattr(columns, field.name)[rows] for field in fields(columns)))

    def live_rows(self) -> Rows:
        """Rows on sale."""
        return np.flatnonzero(self.columns.alive)

    def rows_where(self, column: str, value: int) -> Rows:
        """Live rows with that blueprint or expansion."""
        columns = self.columns
        return np.flatnonzero((getattr(columns, column) == value) & columns.alive)

    def find(self, product_id: int) -> int | None:
        """Row of a product on sale, None when there is none."""
        row = int(np.searchsorted(self.columns.id, product_id))
        found = row < self._size and self._columns.id[row] == product_id and self._columns.alive[row]
        return row if found else None

    def read(self, row: int) -> Listing:
        """The product in a row."""
        columns, product_id = self._columns, int(self._columns.id[row])
        return Listing(
            product_id, int(columns.blueprint[row]), int(columns.quantity[row]), int(columns.price[row]),
            tuple(columns.properties[row].tolist()), int(columns.bundle[row]),
            self.texts.get(product_id) or generated_texts(product_id),
        )  # fmt: skip

    def write(self, row: int, listing: Listing) -> None:
        """Replace a product's changeable fields."""
        columns = self._columns
        columns.quantity[row], columns.price[row] = listing.quantity, listing.price_cents
        columns.properties[row], columns.bundle[row] = listing.properties, listing.bundle_size
        self.texts[listing.id] = listing.texts
        self.touch(row)

    def set_quantity(self, row: int, quantity: int) -> None:
        """Change a quantity; at zero or below the product is gone."""
        self._columns.quantity[row] = max(quantity, 0)
        self._columns.alive[row] = quantity > 0
        self.touch(row)

    def remove(self, row: int) -> None:
        """Take a product off sale."""
        self._columns.alive[row] = False
        self.touch(row)

    def restore(self, row: int, quantity: int) -> None:
        """Put goods back on sale under the old product id, sold out or not."""
        left = int(self._columns.quantity[row]) if self._columns.alive[row] else 0
        self.set_quantity(row, left + quantity)

    def row_of(self, product_id: int) -> int | None:
        """Row of a product, on sale or not."""
        row = int(np.searchsorted(self.columns.id, product_id))
        return row if row < self._size and self._columns.id[row] == product_id else None

    def append(self, listing: Listing, blueprint: Blueprint) -> int:
        """Add a product with an id above all others; returns its row."""
        row = self._size
        if row == len(self._columns):
            self._columns = self._columns.extended(row + max(BLOCK, row // 8))
        self._size += 1
        columns = self._columns
        columns.id[row], columns.blueprint[row], columns.alive[row] = listing.id, listing.blueprint_id, True
        columns.expansion[row] = blueprint.expansion_id or 0
        self.write(row, listing)
        return row

    def touch(self, row: int) -> None:
        """Note that a row's block must be rendered again."""
        self.dirty.add(row // BLOCK)

    def change_many(self, seed: int, fraction_changed: float, fraction_gone: float) -> tuple[int, int]:
        """New quantity and price for a random part, another part gone: returns how many of each."""
        rng, live, columns = np.random.default_rng(seed), self.live_rows(), self._columns
        chosen = rng.permutation(live)
        changed = chosen[: round(len(live) * fraction_changed)]
        gone = chosen[len(changed) : len(changed) + round(len(live) * fraction_gone)]
        columns.quantity[changed] = columns.quantity[changed] % 20 + 1
        columns.price[changed] += rng.integers(1, 500, len(changed), dtype=np.int32)
        columns.alive[gone] = False
        self.dirty.update(np.unique(np.concatenate((changed, gone)) // BLOCK).tolist())
        return len(changed), len(gone)

    def truth(self) -> NDArray[np.void]:
        """Everything on sale as a structured array: id, blueprint_id, quantity, price_cents."""
        live, columns = self.live_rows(), self.columns
        table = np.empty(len(live), _TRUTH)
        table["id"], table["blueprint_id"] = columns.id[live], columns.blueprint[live]
        table["quantity"], table["price_cents"] = columns.quantity[live], columns.price[live]
        return table
