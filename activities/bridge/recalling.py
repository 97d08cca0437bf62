"""Rows that are to the byte what the hub was last told of need no stage: they are recognised by a hash of their bytes.

The hash is seeded with the configuration and the version of the stages, so it stands for what the stages would make of
the row. Where keys of a page are tried, the last full sync says: pages change little from one to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from domain.pipeline.config import UniqueInBatch
from domain.pipeline.definition import Definition
from domain.pipeline.key_sets import KEY_BYTES, places

STAGES: Final = b"1"
"""Changes with what the stages make of a row: all rows are then looked at again."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The rows of a page as they came, and the hash of each, 16 bytes one after the other."""

    rows: Sequence[msgspec.Raw]
    hashes: bytes

    @classmethod
    def of(cls, rows: Sequence[msgspec.Raw], definition: Definition) -> Arrived:
        """Hashed for this configuration."""
        seed = xxhash.xxh3_64_intdigest(STAGES + msgspec.json.encode(definition))
        digest = xxhash.xxh3_128_digest
        return cls(rows, b"".join([digest(memoryview(row), seed) for row in rows]))

    def hashes_of(self, places: NDArray[np.int64]) -> bytes:
        """Of these rows."""
        return np.frombuffer(self.hashes, f"V{KEY_BYTES}")[places].tobytes()


@dataclass(frozen=True, slots=True)
class Recalled:
    """Which rows are known to the byte: their keys, packed. `rest`: the places of the others in the page."""

    keys: bytes
    rest: Sequence[int]

    @property
    def count(self) -> int:
        """Of the rows that are known."""
        return len(self.keys) // KEY_BYTES


def nothing(arrived: Arrived) -> Recalled:
    """Every row is looked at."""
    return Recalled(b"", range(len(arrived.rows)))


def recall(arrived: Arrived, known: bytes) -> Recalled:
    """`known`: pairs of hash and key, one after the other. Rows that came twice are for the stages to tell apart."""
    hashes, keys = np.hsplit(np.frombuffer(known, np.uint8).reshape(-1, 2 * KEY_BYTES), 2)
    at = places(arrived.hashes, hashes.tobytes())
    found = at[at >= 0]
    if len(np.unique(found)) < len(found):
        return nothing(arrived)
    return Recalled(keys[found].tobytes(), np.flatnonzero(at < 0).tolist())


def may_recall(definition: Definition) -> bool:
    """Not where a value must be unique in its batch: then each row has to be read."""
    return not any(isinstance(rule, UniqueInBatch) for one in definition.entity.mappings for rule in one.rules)
