"""Normalisation: declarations protect, nothing undeclared is guessed, what is broken says why, and nothing raises."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import Kind, column, from_rows
from domain.pipeline.config import DateType, Entity, NumberType, OracleType, Source, SourceField, TextType, Zones
from domain.pipeline.normalize import normalize, normalized

ERP = Source(name="erp")
IN_UTC = Source(name="erp", zones=Zones(to_utc=True))
TYPES = [*get_args(TextType), *get_args(NumberType), *get_args(DateType), "BOOLEAN"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ANYTHING = JSON | st.binary() | st.dates() | st.datetimes() | st.just(object())


def one(value: object, declared: OracleType | None = None, source: Source = ERP, *, infer: bool = False) -> object:
    field = None if declared is None else SourceField(name="f", type=declared)
    text, kind = normalized(column([value]), field, source, infer=infer).row(0)
    return text, Kind(kind)


@pytest.mark.parametrize("declared", get_args(TextType))
def test_a_declared_text_is_protected(declared: OracleType) -> None:
    assert one("00123", declared) == ("00123", Kind.TEXT)
    assert one("00123", declared, infer=True) == ("00123", Kind.TEXT)
    assert one(Decimal("1.50"), declared) == ("1.50", Kind.TEXT)
    assert one(date(2025, 1, 2), declared) == ("2025-01-02", Kind.TEXT)
    assert one(Decimal("1E+5"), declared) == ("1E+5", Kind.TEXT)
    assert one(float("nan"), declared) == one(Decimal("-Infinity"), declared) == ("NOT_A_NUMBER", Kind.BROKEN)
    assert one(True, declared) == ("true", Kind.BOOLEAN)
    assert one([1], declared) == ("[1]", Kind.JSON)


@pytest.mark.parametrize("declared", get_args(NumberType))
def test_a_declared_number(declared: OracleType) -> None:
    assert one("1,234.50", declared) == ("1234.5", Kind.NUMBER)
    assert one(Decimal("1E+3"), declared) == ("1000", Kind.NUMBER)
    assert one(True, declared) == ("true", Kind.BOOLEAN)
    wrong: object
    for wrong in ("abc", [1], date(2025, 1, 2), float("inf"), Decimal("sNaN")):
        assert one(wrong, declared) == ("NOT_A_NUMBER", Kind.BROKEN)


@pytest.mark.parametrize("declared", get_args(DateType))
def test_a_declared_date(declared: OracleType) -> None:
    assert one("2025-12-08", declared) == ("2025-12-08", Kind.DATE)
    assert one(datetime(2025, 1, 2, 3, 4, 5), declared) == ("2025-01-02T03:04:05", Kind.DATETIME)
    assert one("2025-12-08 10:00:00", declared, IN_UTC) == ("ZONE_UNKNOWN", Kind.BROKEN)
    wrong: object
    for wrong in (20251208, True, {}, "soon"):
        assert one(wrong, declared) == ("NOT_A_DATE", Kind.BROKEN)


@pytest.mark.parametrize(
    ("value", "told"), [("T", "true"), ("no", "false"), (1, "true"), ("0", "false"), (True, "true")]
)
def test_a_declared_boolean(value: object, told: str) -> None:
    assert one(value, "BOOLEAN") == (told, Kind.BOOLEAN)


@pytest.mark.parametrize("wrong", ["maybe", 2, [], date(2025, 1, 2)])
def test_what_is_no_boolean(wrong: object) -> None:
    assert one(wrong, "BOOLEAN") == ("NOT_A_BOOLEAN", Kind.BROKEN)


def test_null_tokens_are_the_sources_own() -> None:
    source = Source(name="erp", null_tokens=("N/A", "-"))
    told = normalized(column(["N/A", " - ", "n/a", "", "x"]), None, source)["kind"].to_list()
    assert told == [Kind.NULL, Kind.NULL, Kind.TEXT, Kind.NULL, Kind.TEXT]
    assert one("N/A") == ("N/A", Kind.TEXT)
    assert one("N/A", "NUMBER", source) == (None, Kind.NULL)


def test_inference_is_asked_for() -> None:
    told = normalized(column(["00123", "1.2.3", "a1", True, None]), None, ERP, infer=True).rows()
    assert told == [("123", 4), (None, 1), ("a1", 5), ("true", 3), (None, 1)]
    assert one(5, infer=True) == ("5", Kind.NUMBER)


def test_mixed_cells_keep_their_places() -> None:
    field = SourceField(name="f", type="NUMBER")
    told = normalized(column(["007", None, "x", True, 1.5, [], "  "]), field, ERP).rows()
    assert [Kind(kind).name for _, kind in told] == ["NUMBER", "NULL", "BROKEN", "BOOLEAN", "NUMBER", "BROKEN", "NULL"]
    assert told[0][0] == "7"


def test_a_row_fails_with_its_code_and_field() -> None:
    entity = Entity(name="items", key=("id",), fields=(SourceField(name="qty", type="NUMBER"),))
    result = normalize(from_rows([{"qty": "1"}, {"qty": "abc"}, {"qty": []}, {"other": object()}]), entity, ERP)
    assert [(failure.row, failure.code, failure.field) for failure in result.failures] == [
        (1, "NOT_A_NUMBER", "qty"),
        (2, "NOT_A_NUMBER", "qty"),
        (3, "NOT_STORABLE", "other"),
    ]
    assert {failure.stage for failure in result.failures} == {"normalize"}
    assert "abc" not in result.failures[0].sentence


@settings(deadline=None, max_examples=40)
@given(st.lists(ANYTHING, max_size=4), st.sampled_from(TYPES) | st.none(), st.booleans())
def test_never_raises_and_loses_no_row(values: list[object], declared: OracleType | None, infer: bool) -> None:
    field = None if declared is None else SourceField(name="f", type=declared)
    source = Source(name="erp", null_tokens=("x",), zones=Zones(local="Europe/Rome", to_utc=True))
    assert normalized(column(values), field, source, infer=infer).height == len(values)


@settings(deadline=None, max_examples=40)
@given(st.lists(JSON, max_size=4), st.sampled_from(TYPES) | st.none())
def test_the_normal_form_is_its_own(values: list[object], declared: OracleType | None) -> None:
    field = None if declared is None else SourceField(name="f", type=declared)
    once = normalized(column(values), field, ERP)
    assert normalized(once, field, ERP).equals(once)
