"""An export on disk, sorted into chunks in constant memory.

`read` goes through the downloaded files once and notes each row's key and place. `chunks` then distributes
the rows over range partitions that fit in memory, and sorts and cuts one partition at a time. Where few rows
will be wanted (`sparse`), only their places are distributed and the wanted rows are read one by one. The same
rows in any order give the same chunks. Blocking: call it from a thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from domain.cards.chunks import KEY, Bound, Ints, Keys, index_order, partition_bounds
from domain.cards.export_json import ArraySplitter, ExportRejected, Items
from domain.cards.products import keys_of

ROW = np.dtype([*KEY.descr, ("offset", "<i8"), ("length", "<i4"), ("source", "<i4")])
_READ_BYTES = 2**20
_BLOCK_ROWS = 8_192
_PARTITION_ROWS = 12_000
# Two open files each.
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


@dataclass(frozen=True)
class _Part:
    """Rows in one file, and where each lies there in another."""

    rows: Path
    places: Path

    def blocks(self) -> Iterator[tuple[Keys, bytes]]:
        """The rows block by block, in file order, with the bytes that hold a block; offsets are into those."""
        with self.rows.open("rb") as text:
            for places in self.keys():
                first = int(places["offset"][0])
                text.seek(first)
                data = text.read(int(places["offset"][-1] + places["length"][-1]) - first)
                places["offset"] -= first
                yield places, data

    def keys(self) -> Iterator[Keys]:
        """The rows' keys and places alone."""
        with self.places.open("rb") as file:
            while len(places := np.fromfile(file, dtype=ROW, count=_BLOCK_ROWS)):
                yield places


class ExportSpool:
    """Sorts the rows of one export; `directory` must exist and be ours alone."""

    def __init__(self, directory: Path, *, partition_rows: int = _PARTITION_ROWS) -> None:
        self._directory = directory
        self._partition_rows = partition_rows
        self._sources: list[_Part] = []
        self.count = 0

    def read(self, path: Path, on_progress: Callable[[int], object]) -> None:
        """Note the rows of a JSON array in a file; `on_progress` gets the rows so far.

        Raises `ExportRejected` when it is not a complete array of products with ids.
        """
        part = _Part(path, self._directory / f"source-{len(self._sources)}.bin")
        splitter = ArraySplitter()
        with path.open("rb") as text, part.places.open("wb") as places:
            while data := text.read(_READ_BYTES):
                places.write(self._places(splitter.feed(data)))
                on_progress(self.count)
            places.write(self._places(splitter.close()))
        self._sources.append(part)

    def _places(self, items: Items) -> bytes:
        rows = np.empty(len(items.raws), dtype=ROW)
        keys = keys_of(items)
        for name in ("blueprint", "product", "hash"):
            rows[name] = keys[name]
        rows["offset"], rows["length"], rows["source"] = items.offsets, items.lengths, len(self._sources)
        self.count += len(rows)
        return rows.tobytes()

    def chunks(self, size: int, *, sparse: bool = False) -> Iterator[SpooledChunk]:
        """Chunks of `size` rows, the last one smaller; at least one. Raises `ExportRejected` for a repeated product."""
        self._refuse_repeats()
        waiting: list[bytes] = []
        places = np.empty(0, dtype=ROW)
        for part in self._partitions(sparse=sparse):
            ordered, rows = _sorted(part, sparse=sparse)
            places, waiting = np.concatenate([places, ordered]), waiting + rows
            whole = len(places) // size * size
            for start in range(0, whole, size):
                yield self._chunk(places[start : start + size], waiting[start : start + size])
            places, waiting = places[whole:].copy(), waiting[whole:]
        # An empty export still says something: all that was listed is missing. Its one chunk covers every key.
        if len(places) or not self.count:
            yield self._chunk(places, waiting)

    def _chunk(self, places: Keys, rows: list[bytes]) -> SpooledChunk:
        """With the rows at hand or, when there are none, with their places to read them from."""
        keys = np.empty(len(places), dtype=KEY)
        for name in KEY.names or ():
            keys[name] = places[name]

        def pick(positions: Ints) -> list[bytes]:
            return [rows[position] for position in positions.tolist()]

        return SpooledChunk(keys, pick if rows else lambda positions: self._read_rows(places[positions]))

    def _read_rows(self, places: Keys) -> list[bytes]:
        # pread, not mmap: mapped pages would count as this process's memory, and grow with the export.
        fields = (places[name].tolist() for name in ("source", "length", "offset"))
        with ExitStack() as stack:
            opened = {
                source: stack.enter_context(self._sources[source].rows.open("rb")).fileno()
                for source in np.unique(places["source"]).tolist()
            }
            return [os.pread(opened[source], length, offset) for source, length, offset in zip(*fields, strict=True)]

    def _refuse_repeats(self) -> None:
        """Look for a product that stands twice, a share of the ids at a time."""
        shares = max(1, self.count // 1_000_000)
        for share in range(shares):
            ids = [places["product"][places["product"] % shares == share] for places in self._keys()]
            together = np.sort(np.concatenate(ids)) if ids else np.empty(0, dtype=np.int64)
            if np.any(together[1:] == together[:-1]):
                raise ExportRejected("the export lists a product twice")

    def _keys(self) -> Iterator[Keys]:
        for source in self._sources:
            yield from source.keys()

    def _partitions(self, *, sparse: bool) -> Iterator[_Part]:
        """The rows again, distributed over files by ranges of blueprints, in ascending order of the ranges."""
        wanted = min(_MOST_PARTITIONS, -(-self.count // self._partition_rows))
        bounds = partition_bounds(self._sample(), wanted)
        names = [self._directory / f"part-{number}" for number in range(len(bounds) + 1)]
        parts = [_Part(name.with_suffix(".json"), name.with_suffix(".bin")) for name in names]
        (self._distribute_places if sparse else self._distribute)(bounds, parts)
        for part in parts:
            yield part
            part.rows.unlink(missing_ok=True)
            part.places.unlink()

    def _sample(self) -> Ints:
        stride = max(1, self.count // _SAMPLE_ROWS)
        samples = [places["blueprint"][::stride] for places in self._keys()]
        return np.concatenate(samples) if samples else np.empty(0, dtype=np.int64)

    def _distribute(self, bounds: Ints, parts: list[_Part]) -> None:
        written = [0] * len(parts)
        with ExitStack() as stack:
            rows = [stack.enter_context(part.rows.open("wb")) for part in parts]
            places = [stack.enter_context(part.places.open("wb")) for part in parts]
            for block, data in (block for source in self._sources for block in source.blocks()):
                for number, chosen in _by_range(block, bounds, len(parts)):
                    text = b"".join(_slices(chosen, data))
                    chosen["offset"] = written[number] + np.cumsum(chosen["length"]) - chosen["length"]
                    written[number] += len(text)
                    rows[number].write(text)
                    places[number].write(chosen.tobytes())

    def _distribute_places(self, bounds: Ints, parts: list[_Part]) -> None:
        with ExitStack() as stack:
            files = [stack.enter_context(part.places.open("wb")) for part in parts]
            for block in self._keys():
                for number, chosen in _by_range(block, bounds, len(parts)):
                    files[number].write(chosen.tobytes())


def _by_range(block: Keys, bounds: Ints, parts: int) -> Iterator[tuple[int, Keys]]:
    """The rows of a block by the part they belong to, in their order."""
    belongs = np.searchsorted(bounds, block["blueprint"], side="right")
    order = np.argsort(belongs, kind="stable")
    cuts = np.searchsorted(belongs[order], np.arange(parts + 1))
    for number, (start, end) in enumerate(pairwise(cuts.tolist())):
        if start < end:
            yield number, block[order[start:end]]


def _slices(places: Keys, data: bytes) -> list[bytes]:
    ends = places["offset"] + places["length"]
    return [data[start:end] for start, end in zip(places["offset"].tolist(), ends.tolist(), strict=True)]


def _sorted(part: _Part, *, sparse: bool) -> tuple[Keys, list[bytes]]:
    """Places in index order and, unless sparse, the rows in the same order."""
    places = np.fromfile(part.places, dtype=ROW)
    places = places[index_order(places)]
    return places, [] if sparse else _slices(places, part.rows.read_bytes())
