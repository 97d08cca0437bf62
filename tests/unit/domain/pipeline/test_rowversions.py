"""Rowversions: by declared kind, exact where floats are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.config import RowversionKind, Zones
from domain.pipeline.rowversions import order

UTC_ZONES = Zones()
MOMENTS = st.datetimes(datetime(2, 1, 1), timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))


def ordered(texts: list[str], kind: RowversionKind, zones: Zones = UTC_ZONES) -> list[object]:
    return order(pl.Series(texts), kind, zones).to_list()


@pytest.mark.parametrize(
    ("kind", "ascending"),
    [
        ("integer", ["-3", "9", "10", "9007199254740992", "9007199254740993", "9" * 38]),
        ("hex", ["0x00", "0x09", "0x0A", "ff", "0x0100", "FFFFFFFFFFFFFFFF"]),
        ("text", ["10", "2024", "2025-01-01 00:00:00", "9", "a"]),
        (
            "timestamp",
            [
                "2025-01-01T00:00:00+02:00",
                "2024-12-31 23:30:00",
                "2025-01-01",
                "2025-01-01T00:00:00.000000001Z",
                "2025-01-01T00:00:00.000001Z",
                "2025-01-01 00:00:01",
            ],
        ),
    ],
)
def test_orders(kind: RowversionKind, ascending: list[str]) -> None:
    values = order(pl.Series(ascending), kind, UTC_ZONES)
    assert values.null_count() == 0
    assert values.is_sorted()
    assert values.n_unique() == len(ascending)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("integer", "1.5"),
        ("integer", "nan"),
        ("integer", "9" * 40),
        ("hex", "0xZZ"),
        ("hex", ""),
        ("hex", "f" * 40),
        ("timestamp", "soon"),
        ("timestamp", "12"),
    ],
)
def test_what_is_not_of_its_kind(kind: RowversionKind, text: str) -> None:
    assert ordered([text], kind) == [None]


def test_an_instant_without_offset_is_of_the_sources_zone() -> None:
    naive, aware = ordered(["2025-07-01 12:00:00", "2025-07-01T10:00:00Z"], "timestamp", Zones(local="Europe/Rome"))
    assert naive == aware


@settings(deadline=None, max_examples=40)
@given(MOMENTS, MOMENTS)
def test_instants_order_as_they_do(one: datetime, other: datetime) -> None:
    first, second = order(pl.Series([one.isoformat(), other.isoformat()]), "timestamp", UTC_ZONES)
    assert (first < second, first == second) == (one < other, one == other)


@settings(deadline=None, max_examples=40)
@given(st.integers(-(2**100), 2**100), st.integers(-(2**100), 2**100))
def test_integers_order_as_they_do(one: int, other: int) -> None:
    first, second = order(pl.Series([str(one), str(other)]), "integer", UTC_ZONES)
    assert (first, second) == (one, other)
