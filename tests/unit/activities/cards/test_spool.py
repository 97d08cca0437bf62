"""The spool: the same rows in any order, over any files, with any partition size, give the same chunks."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.cards import segments
from activities.cards import spool as spool_module
from activities.cards.spool import ExportSpool
from domain.cards.export_json import ExportRejected
from domain.cards.products import read_keys

# Small ids that are prefixes of each other, and large ones; blueprint 0 stands for an unusable one.
ID = st.integers(1, 130) | st.integers(10**17, 2**63 - 1)
ROWS = st.lists(st.tuples(st.integers(0, 6), ID), max_size=60, unique_by=lambda row: row[1])
Row = tuple[int, int]
Chunk = tuple[bytes, bytes]


def raw(row: Row) -> bytes:
    return json.dumps({"id": row[1], "blueprint_id": row[0], "name": "},{" * (row[1] % 3)}).encode()


def spooled(files: Sequence[Sequence[Row]], *, size: int, partition_rows: int, glue: bytes = b",") -> list[Chunk]:
    """Keys and payload of each chunk."""
    with TemporaryDirectory() as directory:
        spool = ExportSpool(Path(directory), partition_rows=partition_rows)
        seen: list[int] = []
        for number, rows in enumerate(files):
            path = Path(directory) / f"export-{number}.json"
            path.write_bytes(b"[" + glue.join(raw(row) for row in rows) + b"]")
            spool.read(path, seen.append)
        assert spool.count == sum(len(rows) for rows in files)
        assert seen == sorted(seen)
        return [(chunk.keys.tobytes(), chunk.json()) for chunk in spool.chunks(size)]


@settings(max_examples=30, deadline=None)
@given(ROWS, st.integers(1, 20), st.integers(1, 30), st.randoms(use_true_random=False), st.integers(0, 60))
def test_chunks_are_the_sorted_rows_cut_to_size(
    rows: list[Row], size: int, partition_rows: int, random: Random, cut: int
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    ordered = sorted(rows, key=lambda row: (row[0], str(row[1])))
    expected = [ordered[start : start + size] for start in range(0, max(1, len(ordered)), size)]
    for files, glue in (([rows], b","), ([shuffled], b" ,\n"), ([shuffled[cut:], [], shuffled[:cut]], b",")):
        chunks = spooled(files, size=size, partition_rows=partition_rows, glue=glue)
        assert [payload for _, payload in chunks] == [b"[" + b",".join(map(raw, part)) + b"]" for part in expected]
        assert [keys for keys, _ in chunks] == [read_keys(payload).tobytes() for _, payload in chunks]


@pytest.mark.parametrize("read_bytes", [1, 7, 1000])
@pytest.mark.parametrize("block_rows", [1, 3])
def test_neither_blocks_nor_reads_show_in_the_chunks(
    monkeypatch: pytest.MonkeyPatch, read_bytes: int, block_rows: int
) -> None:
    rows = [(number * 7 % 11, number) for number in range(1, 60)]
    expected = spooled([rows], size=7, partition_rows=1000)
    monkeypatch.setattr(segments, "_READ_BYTES", read_bytes)
    monkeypatch.setattr(spool_module, "_BLOCK_ROWS", block_rows)
    monkeypatch.setattr(spool_module, "_SAMPLE_ROWS", 5)
    assert spooled([rows[::-1]], size=7, partition_rows=3) == expected


def test_partitions_are_as_many_as_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_MOST_PARTITIONS", 2)
    rows = [(number, number) for number in range(1, 40)]
    assert spooled([rows], size=5, partition_rows=1) == spooled([rows], size=5, partition_rows=1000)


@pytest.mark.parametrize("files", [[[(1, 7), (1, 7)]], [[(1, 7), (2, 7)]], [[(1, 7)], [(3, 8), (2, 7)]]])
def test_a_product_that_stands_twice_refuses_the_export(files: list[list[Row]]) -> None:
    with pytest.raises(ExportRejected, match="twice"):
        spooled(files, size=5, partition_rows=1)


@pytest.mark.parametrize("product_id", [7, 8, 9])
def test_a_repeat_is_found_in_every_share_of_the_ids(tmp_path: Path, product_id: int) -> None:
    rows = [(1, product_id), (2, 100), (3, product_id)]
    (tmp_path / "export.json").write_bytes(b"[" + b",".join(map(raw, rows)) + b"]")
    spool = ExportSpool(tmp_path)
    spool.read(tmp_path / "export.json", lambda _: None)
    # As many shares as for an export of three million.
    spool.count = 3_000_000
    with pytest.raises(ExportRejected, match="twice"):
        next(spool.chunks(10))


@pytest.mark.parametrize("files", [[], [[]], [[], []]])
def test_an_empty_export_is_one_empty_chunk_that_is_true_for_every_key(files: list[list[Row]]) -> None:
    assert spooled(files, size=5, partition_rows=5) == [(b"", b"[]")]


def test_partitions_leave_nothing_behind_and_the_first_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "export.json").write_bytes(b"[" + b",".join(raw((number, number)) for number in range(1, 9)) + b"]")
    spool = ExportSpool(tmp_path, partition_rows=2)
    spool.read(tmp_path / "export.json", lambda _: None)
    firsts = [chunk.first for chunk in spool.chunks(3)]
    assert [(first.blueprint_id, first.product_id) for first in firsts] == [(1, 1), (4, 4), (7, 7)]
    assert not list(tmp_path.glob("part-*"))


@pytest.mark.parametrize("text", [b'[{"id":1},{"id":2}', b"<html>", b'[{"id":"x"}]', b""])
def test_a_malformed_file_is_rejected(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "export.json").write_bytes(text)
    with pytest.raises(ExportRejected):
        ExportSpool(tmp_path).read(tmp_path / "export.json", lambda _: None)


def test_the_hash_of_a_row_does_not_depend_on_its_neighbours() -> None:
    rows = [(1, number) for number in range(1, 9)]
    [(together, _)] = spooled([rows], size=100, partition_rows=100)
    alone = [spooled([[row]], size=1, partition_rows=1)[0][0] for row in rows]
    assert np.frombuffer(together, dtype=np.int64).tolist() == np.frombuffer(b"".join(alone), dtype=np.int64).tolist()


def test_sorting_keeps_a_small_share_of_the_places_in_memory(tmp_path: Path) -> None:
    rows = 100_000
    text = b",".join(b'{"id":%d,"blueprint_id":%d}' % (row, row % 5_000) for row in range(1, rows + 1))
    (tmp_path / "export.json").write_bytes(b"[" + text + b"]")
    spool = ExportSpool(tmp_path, partition_rows=1_000)
    spool.read(tmp_path / "export.json", lambda _: None)
    tracemalloc.start()
    try:
        assert sum(len(chunk.keys) for chunk in spool.chunks(1_000)) == rows
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # To see that no product stands twice, their ids (8 of a place's bytes) are sorted in a copy, a million at a time.
    assert peak < rows * segments.ROW.itemsize * 0.75
