"""Watermark: never past a row that failed, inclusive at the restart, the same however the pages are cut."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.config import Rowversion, RowversionKind, Zones
from domain.pipeline.watermark import Mark, capped, mark, start, together, watermark

UTC = Zones()
INTEGER = Rowversion(kind="integer")
Rows = list[tuple[int | None, bool]]


def marked(rows: Rows) -> Mark:
    texts = [None if version is None else str(version) for version, _ in rows]
    failed = pl.Series([failed for _, failed in rows], dtype=pl.Boolean)
    return mark(pl.Series(texts, dtype=pl.String), failed, INTEGER, UTC)


@pytest.mark.parametrize(
    ("previous", "rows", "after"),
    [
        (None, [], None),
        ("5", [], "5"),
        ("5", [(9, False), (10, False)], "10"),
        ("5", [(9, False), (7, True), (10, True)], "7"),
        ("5", [(3, True), (9, False)], "3"),
        ("5", [(3, False)], "5"),
        ("5", [(None, False), (9, False)], "9"),
        ("5", [(None, True), (9, False)], "5"),
        ("5", [(None, True), (3, True)], "3"),
        (None, [(None, True), (9, False)], None),
        (None, [(None, False)], None),
    ],
)
def test_the_rule(previous: str | None, rows: Rows, after: str | None) -> None:
    assert watermark(previous, [marked(rows)], INTEGER, UTC) == after


ROWS = st.lists(st.tuples(st.integers(0, 10**20) | st.none(), st.booleans()), max_size=6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**20), st.lists(ROWS, max_size=3))
def test_never_past_a_failed_row_and_never_less_than_it_must(previous: int, pages: list[Rows]) -> None:
    after = watermark(str(previous), [marked(rows) for rows in pages], INTEGER, UTC)
    rows = [row for page in pages for row in page]
    lowest = [version for version, failed in rows if failed and version is not None]
    reached = min(lowest) if lowest else max([previous, *(version for version, _ in rows if version is not None)])
    lost = any(failed and version is None for version, failed in rows)
    assert after == str(min(reached, previous) if lost else reached)


@pytest.mark.parametrize(
    ("kind", "at", "overlap", "told"),
    [
        ("integer", "100", 0, "100"),
        ("integer", "100", 7, "93"),
        ("hex", "0x0010", 1, "0x000F"),
        ("hex", "0010", 32, "0000"),
        ("timestamp", "2025-03-30 02:00:00", 0, "2025-03-30 02:00:00"),
        ("timestamp", "2025-03-30T02:00:00.5+01:00", 60, "2025-03-30T00:59:00.500000+00:00"),
        ("text", "abc", 5, "abc"),
    ],
)
def test_the_next_fetch_starts_inclusive_and_an_overlap_before(
    kind: RowversionKind, at: str, overlap: int, told: str
) -> None:
    assert start(at, Rowversion(kind=kind, overlap=overlap), UTC) == told


@pytest.mark.parametrize(
    ("previous", "reached", "ceiling", "after"),
    [
        ("5", "9", "7", "7"),
        ("5", "9", "10", "9"),
        ("5", "9", None, "5"),
        (None, "9", None, None),
        ("5", None, "7", "5"),
    ],
)
def test_it_is_not_past_what_the_source_had_when_the_batch_began(
    previous: str | None, reached: str | None, ceiling: str | None, after: str | None
) -> None:
    assert capped(previous, reached, ceiling, INTEGER, UTC) == after


def test_marks_of_pages_are_the_mark_of_all_their_rows() -> None:
    pages: list[Rows] = [[(3, False), (12, True)], [(20, False), (9, True)], [(None, False)]]
    assert together([marked(page) for page in pages], INTEGER, UTC) == marked([row for page in pages for row in page])
    assert together([], INTEGER, UTC) == Mark()
