"""An export read in segments, each by a process of its own, is the export read in one go."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from activities.cards import side_by_side
from activities.cards.segments import ROW, Segment, main
from activities.cards.side_by_side import read_rows
from domain.cards.chunks import Keys
from domain.cards.export_json import ExportRejected

# What may stand between products stands inside of them too: in lists of their own and in texts.
PRODUCTS = [
    {"id": number, "blueprint_id": number % 7, "images": [{"id": 1}, {"id": 2}] * (number % 5), "name": '},{"id":9' * 3}
    for number in range(1, 400)
]


def written(folder: Path, text: str) -> Path:
    path = folder / "export.json"
    path.write_text(text)
    return path


def compact(products: object) -> str:
    return json.dumps(products, separators=(",", ":"))


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for three segments of what these tests read."""
    monkeypatch.setattr(side_by_side, "_SEGMENT_BYTES", 5_000)
    monkeypatch.setattr(side_by_side, "_MOST_SEGMENTS", 3)
    monkeypatch.setattr("os.cpu_count", lambda: 64)


def places(segments: list[Segment]) -> Keys:
    """What was found, without the numbers of the sources."""
    found = np.concatenate([np.fromfile(segment.places, dtype=ROW) for segment in segments])
    assert sum(segment.count() for segment in segments) == len(found)
    return found[["blueprint", "product", "hash", "offset", "length"]]


def in_one_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    with monkeypatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: None)
        [whole] = segments = read_rows(path, path.parent, 9, lambda _: None)
    assert (whole.start, whole.end) == (0, path.stat().st_size)
    return places(segments)


@pytest.mark.usefixtures("cores")
def test_segments_find_what_one_reader_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, compact(PRODUCTS))
    seen: list[int] = []
    segments = read_rows(path, tmp_path, 4, seen.append)
    assert [segment.source for segment in segments] == [4, 5, 6]
    assert [np.unique(np.fromfile(one.places, dtype=ROW)["source"]).tolist() for one in segments] == [[4], [5], [6]]
    assert (places(segments) == in_one_go(path, monkeypatch)).all()
    assert seen == sorted(seen)
    raw = path.read_bytes()
    for row in places(segments)[::50]:
        assert json.loads(raw[row["offset"] :][: row["length"]])["id"] == row["product"]


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize("text", ["[]", compact(PRODUCTS[:3]), json.dumps(PRODUCTS)], ids=["empty", "small", "spaced"])
def test_what_cannot_be_cut_is_read_in_one_go(tmp_path: Path, text: str) -> None:
    [whole] = read_rows(written(tmp_path, text), tmp_path, 0, lambda _: None)
    assert whole.count() == len(json.loads(text))


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize("inside", ['},{\\"id', '},{"id":2'], ids=["text", "list"])
def test_a_cut_inside_a_product_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    text = compact(PRODUCTS)
    path = written(tmp_path, text)
    monkeypatch.setattr(side_by_side, "_comma_after", lambda _, at: text.index(inside, at) + 1)
    segments = read_rows(path, tmp_path, 0, lambda _: None)
    assert len(segments) == 1
    assert (places(segments) == in_one_go(path, monkeypatch)).all()


@pytest.mark.usefixtures("cores")
@pytest.mark.parametrize("end", ["", ",]", "]]", '{"id":"x"}]'])
def test_an_export_that_is_bad_in_any_segment_is_rejected(tmp_path: Path, end: str) -> None:
    with pytest.raises(ExportRejected):
        read_rows(written(tmp_path, compact(PRODUCTS)[:-1] + end), tmp_path, 0, lambda _: None)


@pytest.mark.usefixtures("cores")
def test_without_processes_it_is_read_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    assert len(read_rows(written(tmp_path, compact(PRODUCTS)), tmp_path, 0, lambda _: None)) == 1


@pytest.mark.parametrize(("start", "code"), [(0, 0), (1, 3)])
def test_the_exit_code_tells_whether_the_segment_was_read(tmp_path: Path, start: int, code: int) -> None:
    path = written(tmp_path, '[{"id":1}]')
    segment = Segment(str(path), start, path.stat().st_size, str(tmp_path / "places"), 0)
    given = json.dumps({name: getattr(segment, name) for name in segment.__struct_fields__})
    assert main(given) == code
