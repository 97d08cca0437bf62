"""Rows that are to the byte what the hub was last told of need no stage: they are recognised by a hash of their bytes.

The hash is seeded with the configuration and the version of the stages, so it stands for what the stages would make of
the row. Where keys of a page are tried, the last full sync says: pages change little from one to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import xxhash

from domain.pipeline.config import UniqueInBatch
from domain.pipeline.definition import Definition

STAGES: Final = b"1"
"""Changes with what the stages make of a row: all rows are then looked at again."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The rows of a page as they came, and the hash of each."""

    rows: Sequence[msgspec.Raw]
    hashes: Sequence[bytes]

    @classmethod
    def of(cls, rows: Sequence[msgspec.Raw], definition: Definition) -> Arrived:
        """Hashed for this configuration."""
        seed = xxhash.xxh3_64_intdigest(STAGES + msgspec.json.encode(definition))
        digest = xxhash.xxh3_128_digest
        return cls(rows, [digest(memoryview(row), seed) for row in rows])


@dataclass(frozen=True, slots=True)
class Recalled:
    """Which rows are known to the byte: their keys. `rest`: the places of the others in the page."""

    keys: tuple[bytes, ...]
    rest: tuple[int, ...]


def nothing(arrived: Arrived) -> Recalled:
    """Every row is looked at."""
    return Recalled((), tuple(range(len(arrived.rows))))


def recall(arrived: Arrived, known: Mapping[bytes, bytes]) -> Recalled:
    """`known`: keys by hash. Rows that came twice are for the stages to tell apart."""
    found = [known.get(one) for one in arrived.hashes]
    keys = tuple(key for key in found if key is not None)
    if len(set(keys)) < len(keys):
        return nothing(arrived)
    return Recalled(keys, tuple(row for row, key in enumerate(found) if key is None))


def may_recall(definition: Definition) -> bool:
    """Not where a value must be unique in its batch: then each row has to be read."""
    return not any(isinstance(rule, UniqueInBatch) for one in definition.entity.mappings for rule in one.rules)
