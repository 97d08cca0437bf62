"""An export on disk, sorted into chunks in constant memory.

Rows are appended as they arrive; their keys go to a file of fixed-size records. Sorting distributes the keys
over range partitions that fit in memory, sorts one at a time and gathers the rows of each chunk by offset.
The same rows in any order give the same chunks. Blocking: call it from a thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from domain.cards.chunks import KEY, ROW, Bound, Ints, Keys, index_order, partition_bounds
from domain.cards.export_json import ExportRejected
from domain.cards.products import keys_of

_BLOCK_ROWS = 100_000
_PARTITION_ROWS = 200_000
_SAMPLE_ROWS = 65_536


@dataclass(frozen=True)
class SpooledChunk:
    """Rows in index order: `keys` of dtype `KEY`, and their JSON array."""

    keys: Keys
    payload: bytes

    @property
    def first(self) -> Bound:
        """Key of the first row."""
        return Bound(int(self.keys[0]["blueprint"]), int(self.keys[0]["product"]))


class PartOf(Protocol):
    """Signature of a partitioning function: rows to the number of their partition."""

    def __call__(self, rows: Keys, /) -> npt.NDArray[np.int64]: ...


class ExportSpool:
    """Holds the rows of one export in `directory`, which must exist and be ours alone."""

    def __init__(self, directory: Path, *, partition_rows: int = _PARTITION_ROWS) -> None:
        self._directory = directory
        self._partition_rows = partition_rows
        self._rows = (directory / "rows.json").open("wb")
        self._keys = (directory / "keys.bin").open("wb")
        self._offset = 0
        self.count = 0

    def append(self, raws: list[msgspec.Raw]) -> None:
        """Add rows. Raises `ExportRejected` when one has no usable id."""
        if not raws:
            return
        keys = keys_of(raws)
        rows = np.empty(len(raws), dtype=ROW)
        for name in KEY.names or ():
            rows[name] = keys[name]
        rows["length"] = [memoryview(raw).nbytes for raw in raws]
        rows["offset"] = self._offset + np.cumsum(rows["length"] + 1) - rows["length"] - 1
        joined = b",".join(raws)
        self._rows.write(joined)
        self._rows.write(b",")
        self._keys.write(rows.tobytes())
        self._offset += len(joined) + 1
        self.count += len(raws)

    def chunks(self, size: int) -> Iterator[SpooledChunk]:
        """Chunks of `size` rows, the last one smaller. Raises `ExportRejected` when a product stands twice."""
        self._rows.close()
        self._keys.close()
        self._refuse_repeats()
        descriptor = os.open(self._rows.name, os.O_RDONLY)
        try:
            yield from self._gather(descriptor, size)
        finally:
            os.close(descriptor)

    def _gather(self, descriptor: int, size: int) -> Iterator[SpooledChunk]:
        waiting = np.empty(0, dtype=ROW)
        for partition in self._partitions():
            waiting = np.concatenate([waiting, partition[index_order(partition)]])
            whole = len(waiting) // size * size
            for start in range(0, whole, size):
                yield _gather(descriptor, waiting[start : start + size])
            waiting = waiting[whole:].copy()
        if len(waiting):
            yield _gather(descriptor, waiting)

    def _partitions(self) -> Iterator[Keys]:
        count = -(-self.count // self._partition_rows)
        if count <= 1:
            yield np.fromfile(self._keys.name, dtype=ROW)
            return
        bounds = partition_bounds(self._sample(), count)
        paths = self._scatter("part", len(bounds) + 1, lambda rows: np.searchsorted(bounds, rows["blueprint"], "right"))
        for path in paths:
            yield np.fromfile(path, dtype=ROW)
            path.unlink()

    def _refuse_repeats(self) -> None:
        count = -(-self.count // self._partition_rows) or 1
        for path in self._scatter("ids", count, lambda rows: rows["product"] % count, field="product"):
            ids = np.fromfile(path, dtype=np.int64)
            path.unlink()
            if len(np.unique(ids)) != len(ids):
                raise ExportRejected("the export lists a product twice")

    def _sample(self) -> Ints:
        stride = max(1, self.count // _SAMPLE_ROWS)
        return np.concatenate([rows["blueprint"][::stride] for rows in self._blocks()])

    def _blocks(self) -> Iterator[Keys]:
        with open(self._keys.name, "rb") as file:
            while len(rows := np.fromfile(file, dtype=ROW, count=_BLOCK_ROWS)):
                yield rows

    def _scatter(self, name: str, parts: int, part_of: PartOf, field: str | None = None) -> list[Path]:
        paths = [self._directory / f"{name}-{number}.bin" for number in range(parts)]
        files: list[BinaryIO] = [path.open("wb") for path in paths]
        try:
            for rows in self._blocks():
                part = part_of(rows)
                for number in np.unique(part):
                    chosen = rows[part == number]
                    files[number].write((chosen[field] if field else chosen).tobytes())
        finally:
            for file in files:
                file.close()
        return paths


def _gather(descriptor: int, rows: Keys) -> SpooledChunk:
    # pread, not mmap: mapped pages would count as this process's memory, and grow with the export.
    places = zip(rows["length"].tolist(), rows["offset"].tolist(), strict=True)
    payload = b",".join([os.pread(descriptor, length, offset) for length, offset in places])
    return SpooledChunk(rows[["blueprint", "product", "hash"]].astype(KEY), b"[" + payload + b"]")
