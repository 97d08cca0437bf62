"""A walk by cursor meets every row once, whatever its key looks like and whoever adds or deletes rows meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pipeline.cursor import Cursor, Filter, KeyMissing, as_json, filters, of_json, sorted_by, turn

Row = tuple[int | str, ...]
COMPARE: dict[str, Callable[[object, object], bool]] = {
    "=": lambda one, other: one == other,
    ">": lambda one, other: one > other,  # type: ignore[operator]
    ">=": lambda one, other: one >= other,  # type: ignore[operator]
}


def fetch(rows: list[Row], key: tuple[str, ...], cursor: Cursor, size: int) -> tuple[list[Row], bool]:
    """As a source answers: sorted by one field only, the others in any order."""
    told = filters(cursor, key)
    found = [row for row in rows if all(COMPARE[one.operator](row[key.index(one.field)], one.value) for one in told)]
    by = key.index(sorted_by(cursor, key))
    found.reverse()
    ordered = sorted(found, key=lambda row: row[by])
    return ordered[:size], len(ordered) > size


def walk(rows: list[Row], key: tuple[str, ...], size: int, between: Callable[[], None] = lambda: None) -> list[Row]:
    cursor, met = Cursor(), list[Row]()
    for _ in range(1_000):
        page, more = fetch(rows, key, cursor, size)
        values = [row[key.index(sorted_by(cursor, key))] for row in page]
        done = turn(cursor, key, len(page), values.__getitem__, more=more)
        met += page[: done.taken]
        if done.next is None:
            return met
        cursor = of_json(as_json(done.next))
        between()
    raise AssertionError("the walk has no end")


@given(
    st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), max_size=60),
    st.integers(1, 3),
    st.integers(1, 7),
)
def test_every_row_is_met_once(keys: set[tuple[int, int, int]], fields: int, size: int) -> None:
    rows: list[Row] = sorted({row[:fields] for row in keys})
    assert sorted(walk(rows, ("a", "b", "c")[:fields], size)) == rows


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(1, 5))
def test_rows_that_stay_are_met_once_whatever_comes_and_goes(changes: list[tuple[bool, int, int]], size: int) -> None:
    staying: list[Row] = [(group, number) for group in range(0, 10, 3) for number in range(0, 10, 2)]
    rows, coming = list(staying), iter(changes)

    def change() -> None:
        adds, group, number = next(coming, (True, 0, 0))
        if adds and (group, number) not in rows:
            rows.append((group, number))
        elif not adds and (group, number) not in staying and (group, number) in rows:
            rows.remove((group, number))

    met = walk(rows, ("a", "b"), size, change)
    assert sorted(row for row in met if row in staying) == staying


def test_one_field_goes_on_after_the_last_row() -> None:
    assert turn(Cursor(), ("a",), 2, ["x", "y"].__getitem__, more=True).next == Cursor((), "y")
    assert filters(Cursor((), "y"), ("a",)) == [Filter("a", ">", "y")]


def test_the_last_group_of_a_page_is_begun_again() -> None:
    done = turn(Cursor(), ("a", "b"), 3, [1, 2, 2].__getitem__, more=True)
    assert (done.taken, done.next) == (1, Cursor((), 2, inclusive=True))
    assert filters(Cursor((), 2, inclusive=True), ("a", "b")) == [Filter("a", ">=", 2)]


def test_a_group_that_fills_a_page_is_walked_by_its_next_field() -> None:
    done = turn(Cursor(), ("a", "b"), 2, [1, 1].__getitem__, more=True)
    assert (done.taken, done.next) == (0, Cursor((1,)))
    assert filters(Cursor((1,), 5), ("a", "b")) == [Filter("a", "=", 1), Filter("b", ">", 5)]
    assert turn(Cursor((1,), 5), ("a", "b"), 0, [].__getitem__, more=True).next == Cursor((), 1)


def test_a_key_that_is_missing_cannot_be_passed() -> None:
    with pytest.raises(KeyMissing):
        turn(Cursor(), ("a",), 1, [None].__getitem__, more=True)


def test_a_kept_cursor_has_every_digit() -> None:
    cursor = Cursor((Decimal("0.1000000000000000055"), "é"), 9007199254740993)
    assert of_json(as_json(cursor)) == cursor
    assert of_json(None) == Cursor()
