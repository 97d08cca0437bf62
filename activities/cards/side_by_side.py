"""Reads a downloaded export, a large one in segments side by side: reading JSON keeps one core busy.

A segment ends at a comma that seems to stand between two products. It does stand there if the text before it and
the text after it are whole arrays once they are closed and opened at the comma, so each segment is read as an array
of its own. When one is none, the file is read in one go: that either works, or tells what is wrong.

Every segment but the first is read by a process that ends with it. Blocking: call it from a thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

import msgspec
import structlog

from activities.cards import segments
from activities.cards.segments import Progress, Segment, read_segment
from domain.cards.export_json import ArraySplitter, ExportRejected

# Below, a process costs more than it saves.
_SEGMENT_BYTES = 64 * 2**20
_MOST_SEGMENTS = 4
_WINDOW_BYTES = 2**20
_BETWEEN = b"},{"
_MOST_GUESSES = 20
_log = structlog.get_logger(__name__)


def read_rows(path: Path, directory: Path, source: int, on_progress: Progress) -> list[Segment]:
    """Find the rows of the JSON array in a file; the segments it was read in, with results in `directory`.

    Raises `ExportRejected` when it is not a complete array of products with ids.
    """
    whole = Segment(str(path), 0, path.stat().st_size, str(directory / f"source-{source}.bin"), source)
    parts = _divided(whole, directory)
    if len(parts) > 1:
        try:
            _read_side_by_side(parts, on_progress)
        except (ExportRejected, subprocess.CalledProcessError, OSError) as error:
            _log.warning("export.read_in_one_go", segments=len(parts), reason=type(error).__name__)
        else:
            return parts
    read_segment(whole, on_progress)
    return [whole]


def _divided(whole: Segment, directory: Path) -> list[Segment]:
    """About equal segments, one per core; just the whole where it is small or no cut is found."""
    wanted = min(_MOST_SEGMENTS, os.cpu_count() or 1, whole.end // _SEGMENT_BYTES)
    with Path(whole.rows).open("rb") as text:
        cuts = {_comma_after(text, whole.end * number // wanted) for number in range(1, wanted)}
    bounds = [0, *sorted(cut for cut in cuts if cut), whole.end]
    return [
        Segment(whole.rows, start, end, str(directory / f"source-{source}.bin"), source)
        for source, (start, end) in enumerate(pairwise(bounds), whole.source)
    ]


def _comma_after(text: IO[bytes], position: int) -> int | None:
    """A comma that seems to stand between two products: those that follow it read as products of an array."""
    text.seek(position)
    window, found = text.read(_WINDOW_BYTES), -1
    for _ in range(_MOST_GUESSES):
        if (found := window.find(_BETWEEN, found + 1)) < 0:
            break
        # Inside a product's own list, the array that is opened here closes too early.
        if ArraySplitter().feed(b"[" + window[found + 2 :]).raws:
            return position + found + 1
    return None


def _read_side_by_side(parts: list[Segment], on_progress: Progress) -> None:
    with ExitStack() as stack:
        helpers = [stack.enter_context(_helper(segment)) for segment in parts[1:]]
        read_segment(parts[0], on_progress)
        for helper in helpers:
            if code := helper.wait():
                raise subprocess.CalledProcessError(code, helper.args)


@contextmanager
def _helper(segment: Segment) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads a segment; it does not outlive the block."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", segments.__name__, msgspec.json.encode(segment).decode()]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
