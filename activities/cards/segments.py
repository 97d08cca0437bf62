"""Reads one segment of a downloaded export: the keys of its rows, and where each row lies.

`python -m activities.cards.segments SEGMENT` does it in a process of its own (see activities.cards.side_by_side), so
this module imports no more than it needs. Blocking: call it from a thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from domain.cards.chunks import KEY
from domain.cards.export_json import ArraySplitter, ExportRejected, Items
from domain.cards.products import keys_of

ROW = np.dtype([*KEY.descr, ("offset", "<i8"), ("length", "<i4"), ("source", "<i4")])
_READ_BYTES = 2**20
_REJECTED = 3

Progress = Callable[[int], object]
"""Gets the number of rows so far."""


class Segment(msgspec.Struct, frozen=True):
    """Bytes of the file `rows`: from its beginning or the comma before a product, to such a comma or the file's end.

    `places` is the file that gets what is found: dtype `ROW`, with the number `source` in each row.
    """

    rows: str
    start: int
    end: int
    places: str
    source: int

    def blocks(self) -> Iterator[bytes]:
        """The bytes, opened and closed as an array where they are cut."""
        with Path(self.rows).open("rb") as text:
            text.seek(self.start)
            if self.start:
                text.read(1)
                yield b"["
            while data := text.read(min(_READ_BYTES, self.end - text.tell())):
                yield data
            if text.read(1):
                yield b"]"

    def count(self) -> int:
        """How many rows were found."""
        return Path(self.places).stat().st_size // ROW.itemsize


def read_segment(segment: Segment, on_progress: Progress) -> None:
    """Read one segment here. Raises `ExportRejected` unless it is an array of products with ids."""
    splitter, count = ArraySplitter(segment.start), 0
    with Path(segment.places).open("wb") as places:

        def note(items: Items) -> None:
            nonlocal count
            count += len(items.raws)
            places.write(_rows(items, segment.source))
            on_progress(count)

        for data in segment.blocks():
            note(splitter.feed(data))
        note(splitter.close())


def _rows(items: Items, source: int) -> bytes:
    rows = np.empty(len(items.raws), dtype=ROW)
    keys = keys_of(items)
    for name in KEY.names or ():
        rows[name] = keys[name]
    rows["offset"], rows["length"], rows["source"] = items.offsets, items.lengths, source
    return rows.tobytes()


def main(segment: str) -> int:
    """Read a segment given as JSON; the process's exit code."""
    try:
        read_segment(msgspec.json.decode(segment, type=Segment), lambda _: None)
    except ExportRejected:
        return _REJECTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
