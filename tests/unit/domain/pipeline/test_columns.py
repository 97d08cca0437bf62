"""Columns: what Python values become, and that none of them is too strange."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from domain.pipeline.columns import Kind, Table, column, from_rows, present

NESTED: list[object] = []
for _ in range(100_000):
    NESTED = [NESTED]


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        (None, None, Kind.NULL),
        (True, "true", Kind.BOOLEAN),
        (False, "false", Kind.BOOLEAN),
        (12, "12", Kind.NUMBER),
        (10**30, "1" + "0" * 30, Kind.NUMBER),
        (10**5000, "NOT_A_NUMBER", Kind.BROKEN),
        (Decimal("1.50"), "1.50", Kind.NUMBER),
        (0.1, "0.1", Kind.NUMBER),
        ("x", "x", Kind.TEXT),
        ("", "", Kind.TEXT),
        ("\ud800", "NOT_A_TEXT", Kind.BROKEN),
        (b"\x01\xff", "01ff", Kind.TEXT),
        (date(2025, 1, 2), "2025-01-02", Kind.DATE),
        (datetime(2025, 1, 2, 3, tzinfo=UTC), "2025-01-02T03:00:00+00:00", Kind.DATETIME),
        ({"b": 1, "a": Decimal("1.10")}, '{"a":1.10,"b":1}', Kind.JSON),
        ([], "[]", Kind.JSON),
        ((1, "é"), '[1,"é"]', Kind.JSON),
        ([Decimal("NaN")], "NOT_STORABLE", Kind.BROKEN),
        (["\x00"], "NOT_STORABLE", Kind.BROKEN),
        (["\ud800"], "NOT_STORABLE", Kind.BROKEN),
        ({1, 2}, "NOT_STORABLE", Kind.BROKEN),
        (NESTED, "NOT_STORABLE", Kind.BROKEN),
        (object(), "NOT_STORABLE", Kind.BROKEN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_alone_and_among_others(value: object, text: str | None, kind: Kind) -> None:
    assert column([value]).row(0) == (text, kind)
    assert column([value, "other", 1]).row(0) == (text, kind)


def test_absent_is_not_null() -> None:
    table = from_rows([{"a": 1, "b": None}, {"a": 2}, {"c": "x"}])
    assert list(table.columns) == ["a", "b", "c"]
    assert table["a"].rows() == [("1", 4), ("2", 4), (None, 0)]
    assert table["b"]["kind"].to_list() == [Kind.NULL, Kind.ABSENT, Kind.ABSENT]
    assert table["nowhere"].rows() == [(None, Kind.ABSENT)] * 3


def test_rows_without_fields_count() -> None:
    assert from_rows([{}, {}]) == Table(2, {})
    assert from_rows([]).height == 0


def test_the_kinds_of_a_column() -> None:
    assert present(column([1, None, "x"])) == {Kind.NUMBER, Kind.NULL, Kind.TEXT}


def test_rows_are_taken() -> None:
    table = from_rows([{"a": 1}, {"a": 2}, {"a": 3}])
    taken = table.take(column([1, None, 3])["kind"] == Kind.NUMBER)
    assert taken.height == 2
    assert taken["a"]["text"].to_list() == ["1", "3"]
