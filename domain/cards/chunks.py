"""Keys of staged rows, their order, and how chunks are cut from them.

Rows are ordered as PostgreSQL orders the unique index of the stock: by blueprint, then by the *text* of the
product id in byte order. A chunk is therefore one contiguous index range, chunks never share a row, and what
the export lacks shows inside the range of its chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

KEY = np.dtype([("blueprint", "<i8"), ("product", "<i8"), ("hash", "<i8")])
Keys = npt.NDArray[np.void]

_DIGITS = 19
_POWERS = np.array([10**n for n in range(_DIGITS + 1)], dtype=np.uint64)


@dataclass(frozen=True)
class Bound:
    """A key of the stock's unique index."""

    blueprint_id: int
    product_id: int


@dataclass(frozen=True)
class KeyRange:
    """From `low` (inclusive) to `high` (exclusive); None is open."""

    low: Bound | None
    high: Bound | None


Blueprints = tuple[int, ...]
"""A set of rows: all of these blueprints, wherever they stand in the index."""


@dataclass(frozen=True)
class TheseRows:
    """A set of rows: just those with these keys."""

    keys: Keys


Scope = KeyRange | Blueprints | TheseRows
"""The stock rows that something is compared with."""


def text_rank(products: Ints) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """Two keys that order positive ids as their decimal texts: the digits shifted left, then their number."""
    values = products.astype(np.uint64)
    digits = np.searchsorted(_POWERS, values, side="right").astype(np.int64)
    return values * _POWERS[_DIGITS - digits], digits


def index_order(rows: Keys) -> Ints:
    """Positions that sort rows with the fields of `KEY` as the stock's unique index does."""
    shifted, digits = text_rank(rows["product"])
    return np.lexsort((digits, shifted, rows["blueprint"]))


def key_ranges(cuts: Iterable[Bound]) -> Iterator[KeyRange]:
    """Ranges that cover every possible key, cut at `cuts`: the first key of each chunk but the first."""
    low = None
    for cut in cuts:
        yield KeyRange(low, cut)
        low = cut
    yield KeyRange(low, None)


def partition_bounds(sample: Ints, partitions: int) -> Ints:
    """Blueprints that split rows distributed like `sample` into about equal parts, ascending, without repeats."""
    positions = np.arange(1, partitions) * len(sample) // partitions
    return np.unique(np.sort(sample)[positions]) if len(sample) else sample
