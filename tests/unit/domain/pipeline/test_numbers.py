"""Numbers: one canonical text per value, exact at any size; amounts as people write them."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.numbers import LONGEST, amounts, inferred, parsed

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**60), max_value=10**60) | st.decimals(
    allow_nan=False, allow_infinity=False, places=20
)


def one(text: str | None) -> str | None:
    value: str | None = parsed(pl.Series([text], dtype=pl.String))[0]
    return value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("007", "7"),
        ("+3", "3"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("1.", "1"),
        ("-.50", "-0.5"),
        ("9007199254740993.0", "9007199254740993"),
        ("1E+5", "100000"),
        ("12e-3", "0.012"),
        ("-0e5", "0"),
        ("5e399", "5" + "0" * 399),
        ("5e400", None),
        ("1" * LONGEST, "1" * LONGEST),
        ("1" * (LONGEST + 1), None),
        ("1" * 401 + "e-1", None),
        ("", None),
        ("-", None),
        (".", None),
        ("e5", None),
        ("abc", None),
        ("1_000", None),
        ("1,2", None),
        ("٣", None),
        ("NaN", None),
        ("inf", None),
        ("0x10", None),
        (None, None),
    ],
)
def test_canonical_texts(text: str | None, number: str | None) -> None:
    assert one(text) == number


@settings(deadline=None, max_examples=40)
@given(DECIMALS)
def test_the_value_is_kept_and_the_text_is_its_own(value: Decimal) -> None:
    text = one(str(value))
    assert text is not None
    assert Decimal(text) == value
    assert one(text) == text


@settings(deadline=None, max_examples=40)
@given(DECIMALS, DECIMALS)
def test_equal_numbers_have_equal_texts_and_only_they(one_value: Decimal, other: Decimal) -> None:
    assert (one(str(one_value)) == one(str(other))) == (one_value == other)


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=20))
def test_no_text_raises(text: str) -> None:
    one(text)
    amounts(pl.Series([text]), decimal_comma=True)
    inferred(pl.Series([text]))


@pytest.mark.parametrize(
    ("text", "number", "with_comma"),
    [
        ("1,234,567.89", "1234567.89", None),
        ("1.234.567,89", None, "1234567.89"),
        ("1,5", None, "1.5"),
        ("1.500", "1.5", "1500"),
        ("$5", "5", "5"),
        ("€ 5", "5", "5"),
        ("5 £", "5", "5"),
        ("(5)", "-5", "-5"),
        ("($1,000)", "-1000", "-1"),
        ("(-5)", None, None),
        ("- 5", "-5", "-5"),
        ("12,34", None, "12.34"),
        ("1,23,456", None, None),
    ],
)
def test_amounts(text: str, number: str | None, with_comma: str | None) -> None:
    series = pl.Series([text])
    assert amounts(series, decimal_comma=False).to_list() == [number]
    assert amounts(series, decimal_comma=True).to_list() == [with_comma]


def test_what_the_predecessor_guessed() -> None:
    guessed, number = inferred(pl.Series(["00123", "1,2", "1.2.3", "-", "a1", "1,234.50", None]))
    assert guessed.to_list() == [True, True, True, False, False, True, False]
    assert number.to_list() == ["123", "12", None, None, None, "1234.5", None]
