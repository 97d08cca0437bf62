"""The random stock of a seller as numpy columns, a pure function of its arguments (size, seed, first id, blueprints).

Rows are in ascending product id; their blueprints are a seeded shuffle, about ten products of each, in different
condition, language and finish.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .blueprints import Ints, describe, is_foil, mix, pick
from .games import CONDITION, FINISH, LANGUAGE, SCHEMAS, SLOTS

FORMAT_VERSION: Final = 1
"""Raise it when the generated stock or its rendering changes: it keys the disk cache."""
PRODUCTS_PER_BLUEPRINT: Final = 10
_STRIDE: Final = 37
"""Prime and larger than any number of choices: steps through all combinations without repeating one."""


@dataclass(slots=True)
class Columns:
    """A stock, one array per field, equally long. `properties` is rows x SLOTS; dead rows are not sold any more."""

    id: Ints
    blueprint: Ints
    expansion: NDArray[np.int32]
    quantity: NDArray[np.int32]
    price: NDArray[np.int32]
    properties: NDArray[np.uint8]
    bundle: NDArray[np.uint8]
    alive: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.id)

    def slice(self, start: int, stop: int) -> Columns:
        """Views of some rows: writing to them writes here."""
        return Columns(*(getattr(self, field.name)[start:stop] for field in fields(self)))

    def extended(self, capacity: int) -> Columns:
        """A copy with room for `capacity` rows."""
        return Columns(*(_padded(getattr(self, field.name), capacity) for field in fields(self)))


def _padded(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    padded = np.zeros((capacity, *array.shape[1:]), array.dtype)
    padded[: len(array)] = array
    return padded


def default_blueprints(size: int) -> int:
    """How many blueprints (ids 1 to that number) a stock of this size is spread over."""
    return max(1, size // PRODUCTS_PER_BLUEPRINT)


def generate(size: int, seed: int, first_id: int, blueprints: int | None = None) -> Columns:
    """The pristine stock: prices are cents (log-normal, median 95), quantities 1 to 20."""
    rng = np.random.default_rng(seed)
    blueprint, variant = _spread(rng, size, blueprints or default_blueprints(size))
    described = describe(blueprint)
    return Columns(
        id=first_id + np.cumsum(rng.integers(1, 4, size), dtype=np.int64),
        blueprint=blueprint,
        expansion=described.expansion.astype(np.int32),
        quantity=np.clip(rng.geometric(0.35, size), 1, 20).astype(np.int32),
        price=np.clip(np.exp(rng.normal(4.55, 1.3, size)), 2, 2_000_000).astype(np.int32),
        properties=_properties(rng, described.schema, described.foilable, mix(blueprint, 1), variant),
        bundle=np.where(rng.random(size) < 0.03, 4, 1).astype(np.uint8),
        alive=np.ones(size, np.bool_),
    )


def _spread(rng: np.random.Generator, size: int, blueprints: int) -> tuple[Ints, Ints]:
    """Blueprint of each row and the row's number among those of its blueprint, in shuffled order."""
    weights = np.cumsum(rng.integers(1, 18, blueprints))
    ends = weights * size // weights[-1]
    starts = np.concatenate(([0], ends[:-1]))
    blueprint = np.repeat(np.arange(blueprints), ends - starts)
    variant = np.arange(size) - starts[blueprint]
    order = rng.permutation(size)
    return (blueprint[order] + 1).astype(np.int64), variant[order]


def _properties(
    rng: np.random.Generator, schema: Ints, foilable: NDArray[np.bool_], hashes: NDArray[np.uint64], variant: Ints
) -> NDArray[np.uint8]:
    conditions, languages = _choices(CONDITION)[schema], _choices(LANGUAGE)[schema]
    finishes = np.where(foilable | ~_FOIL[schema], _choices(FINISH)[schema], 1)
    combination = (pick(hashes, 0, 1 << 16) + variant * _STRIDE) % (conditions * languages * finishes)
    properties = np.zeros((len(schema), len(SLOTS)), np.uint8)
    properties[:, CONDITION] = combination % conditions
    properties[:, LANGUAGE] = combination // conditions % languages
    properties[:, FINISH] = combination // (conditions * languages)
    for slot in range(FINISH + 1, len(SLOTS)):
        properties[:, slot] = (_choices(slot)[schema] > 1) & (rng.random(len(schema)) < 0.02)
    return properties


def _choices(slot: int) -> Ints:
    return np.array([schema.choices(slot) for schema in SCHEMAS], np.int64)


_FOIL: Final = np.array([any(is_foil(item) for item in schema.editable) for schema in SCHEMAS])
