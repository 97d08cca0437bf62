"""An export on disk, sorted into chunks in constant memory.

`read` goes through the downloaded files once and notes each row's key and place. `chunks` then distributes keys and
places over range partitions that fit in memory, sorts and cuts one partition at a time, and reads the rows that are
wanted one by one: from the page cache, where the download has just been, and in any case few but in a first sync.
The same rows in any order give the same chunks. Blocking: call it from a thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from activities.cards.segments import ROW, Progress, Segment
from activities.cards.side_by_side import read_rows
from domain.cards.chunks import KEY, Bound, Ints, Keys, index_order, partition_bounds
from domain.cards.export_json import ExportRejected

_BLOCK_ROWS = 8_192
_PARTITION_ROWS = 12_000
_MOST_PARTITIONS = 400
_SAMPLE_ROWS = 65_536


@dataclass(frozen=True)
class SpooledChunk:
    """Rows in index order: `keys` of dtype `KEY`, and how to get the JSON of some of them."""

    keys: Keys
    take: Callable[[Ints], list[bytes]]

    @property
    def first(self) -> Bound:
        """Key of the first row."""
        return Bound(int(self.keys[0]["blueprint"]), int(self.keys[0]["product"]))

    def json(self, positions: Ints | None = None) -> bytes:
        """The rows at `positions`, or all of them, as a JSON array."""
        chosen = np.arange(len(self.keys)) if positions is None else positions
        return b"[" + b",".join(self.take(chosen)) + b"]"


class ExportSpool:
    """Sorts the rows of one export; `directory` must exist and be ours alone."""

    def __init__(self, directory: Path, *, partition_rows: int = _PARTITION_ROWS) -> None:
        self._directory = directory
        self._partition_rows = partition_rows
        self._sources: list[Segment] = []
        self.count = 0

    def read(self, path: Path, on_progress: Progress) -> None:
        """Note the rows of a JSON array in a file; `on_progress` gets the rows so far.

        Raises `ExportRejected` when it is not a complete array of products with ids.
        """
        before = self.count
        segments = read_rows(path, self._directory, len(self._sources), lambda rows: on_progress(before + rows))
        self._sources += segments
        self.count += sum(segment.count() for segment in segments)

    def chunks(self, size: int) -> Iterator[SpooledChunk]:
        """Chunks of `size` rows, the last one smaller; at least one. Raises `ExportRejected` for a repeated product."""
        self._refuse_repeats()
        waiting = np.empty(0, dtype=ROW)
        for part in self._partitions():
            waiting = np.concatenate([waiting, part[index_order(part)]])
            whole = len(waiting) // size * size
            for start in range(0, whole, size):
                yield self._chunk(waiting[start : start + size])
            waiting = waiting[whole:].copy()
        # An empty export still says something: all that was listed is missing. Its one chunk covers every key.
        if len(waiting) or not self.count:
            yield self._chunk(waiting)

    def _chunk(self, places: Keys) -> SpooledChunk:
        keys = np.empty(len(places), dtype=KEY)
        for name in KEY.names or ():
            keys[name] = places[name]
        return SpooledChunk(keys, lambda positions: self._read_rows(places[positions]))

    def _read_rows(self, places: Keys) -> list[bytes]:
        # pread, not mmap: mapped pages would count as this process's memory, and grow with the export.
        fields = (places[name].tolist() for name in ("source", "length", "offset"))
        with ExitStack() as stack:
            opened = {
                source: stack.enter_context(Path(self._sources[source].rows).open("rb")).fileno()
                for source in np.unique(places["source"]).tolist()
            }
            return [os.pread(opened[source], length, offset) for source, length, offset in zip(*fields, strict=True)]

    def _refuse_repeats(self) -> None:
        """Look for a product that stands twice, a share of the ids at a time."""
        shares = max(1, self.count // 1_000_000)
        for share in range(shares):
            ids = [places["product"][places["product"] % shares == share] for places in self._blocks()]
            together = np.sort(np.concatenate(ids)) if ids else np.empty(0, dtype=np.int64)
            if np.any(together[1:] == together[:-1]):
                raise ExportRejected("the export lists a product twice")

    def _blocks(self) -> Iterator[Keys]:
        """All rows, of dtype `ROW`, as they were read."""
        for source in self._sources:
            with Path(source.places).open("rb") as file:
                while len(places := np.fromfile(file, dtype=ROW, count=_BLOCK_ROWS)):
                    yield places

    def _partitions(self) -> Iterator[Keys]:
        """The rows again, distributed by ranges of blueprints, in ascending order of the ranges."""
        wanted = min(_MOST_PARTITIONS, -(-self.count // self._partition_rows))
        bounds = partition_bounds(self._sample(), wanted)
        parts = [self._directory / f"part-{number}.bin" for number in range(len(bounds) + 1)]
        with ExitStack() as stack:
            files = [stack.enter_context(part.open("wb")) for part in parts]
            for block in self._blocks():
                for number, chosen in _by_range(block, bounds, len(parts)):
                    files[number].write(chosen.tobytes())
        for part in parts:
            yield np.fromfile(part, dtype=ROW)
            part.unlink()

    def _sample(self) -> Ints:
        stride = max(1, self.count // _SAMPLE_ROWS)
        # A view would keep its whole block.
        samples = [places["blueprint"][::stride].copy() for places in self._blocks()]
        return np.concatenate(samples) if samples else np.empty(0, dtype=np.int64)


def _by_range(block: Keys, bounds: Ints, parts: int) -> Iterator[tuple[int, Keys]]:
    """The rows of a block by the part they belong to, in their order."""
    belongs = np.searchsorted(bounds, block["blueprint"], side="right")
    order = np.argsort(belongs, kind="stable")
    cuts = np.searchsorted(belongs[order], np.arange(parts + 1))
    for number, (start, end) in enumerate(pairwise(cuts.tolist())):
        if start < end:
            yield number, block[order[start:end]]
