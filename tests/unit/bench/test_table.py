from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.rows import LATEST, RESULTS, Row, load
from bench.table import BEGIN, END, README, between_markers, largest, render, replaced
from tests.unit.bench.test_rows import ORIGIN


def row(n: int, met: bool | None = True) -> Row:
    return Row(
        name="bulk_cold", n=n, value=13.456, unit="s", floor=12.0, ratio=1.121, target="<= 1.3 x", met=met,
        peak_rss_mib=200.4, **ORIGIN.model_dump(),
    )  # fmt: skip


def test_readme_shows_the_recorded_results() -> None:
    assert between_markers(README.read_text()) == render(load()), "run python -m bench.table"


def test_a_line_holds_the_figure_its_floor_and_the_verdict() -> None:
    table = render([row(1_000_000), row(100_000, met=False)])
    assert "| bulk_cold | 1,000,000 | 13.5 s | 12 s | 1.12 | <= 1.3 x | yes | 200 |" in table
    assert "100,000 |" not in table
    assert "commit abc1234, 2026-01-01, 2 cores" in table


@pytest.mark.parametrize(("met", "word"), [(True, "| yes |"), (False, "| **no** |"), (None, "| open |")])
def test_the_verdict_is_a_word(met: bool | None, word: str) -> None:
    assert word in render([row(1, met)])


def test_the_largest_size_of_each_name_is_shown() -> None:
    other = row(5).model_copy(update={"name": "bucket"})
    assert [(r.name, r.n) for r in largest([row(9), row(10), other])] == [("bucket", 5), ("bulk_cold", 10)]


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert replaced(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert between_markers(replaced(page, "new")) == "new"


def test_a_page_without_markers_is_an_error() -> None:
    with pytest.raises(BenchError, match="markers"):
        replaced("nothing here", "table")


def test_recorded_files_name_no_place_of_a_machine() -> None:
    texts = [path.read_text() for path in RESULTS.glob("*.json")]
    assert not LATEST.exists() or texts
    assert not [text for text in texts if '"/' in text or "/home" in text or "127.0.0.1" in text]
