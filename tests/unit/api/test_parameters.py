"""Cursors are opaque, exact and safe against whatever is pasted."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from api.cards.parameters import decode_cursor, encode_cursor, next_cursor, page_size
from api.errors import InvalidInput
from api.parameters import Instant, Whole
from db.keyset import Position

instants = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))
positions = st.builds(Position, instants, st.integers(0, 2**63 - 1))


@given(positions)
def test_a_cursor_names_its_position_exactly(position: Position) -> None:
    assert decode_cursor(encode_cursor(position)) == position


@given(st.text(max_size=100))
def test_any_other_text_is_bad_input_and_nothing_else(text: str) -> None:
    with suppress(InvalidInput):
        decode_cursor(text)


@pytest.mark.parametrize("cursor", ["", "x", "MS4y!", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTku MQ", "MS4tMS4x", "ëë"])
def test_foreign_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        decode_cursor(cursor)


def test_the_first_page_has_no_cursor_and_the_last_names_no_next() -> None:
    assert decode_cursor(None) is None
    assert next_cursor([], 1) is None
    assert next_cursor([Position(datetime(2026, 1, 1, tzinfo=UTC), 1)], 2) is None


@pytest.mark.parametrize(("asked", "given"), [(-5, 1), (0, 1), (100, 100), (1000, 1000), (10**30, 1000)])
def test_page_sizes_are_clamped(asked: int, given: int) -> None:
    assert page_size(asked) == given


@pytest.mark.parametrize("given", ["0.5", "1700000000", " 17 ", 1700000000, True, "1969-12-31T23:59:59Z", "9001-01-01"])
def test_an_instant_is_written_as_one_within_bounds(given: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_python(given)


def test_an_instant_without_an_offset_is_utc() -> None:
    assert TypeAdapter(Instant).validate_python("2026-01-31T12:00:00") == datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(("given", "whole"), [("3", 3), ("3.0", 3), ("-2e2", -200)])
def test_a_whole_number_is_one_however_json_writes_it(given: str, whole: int) -> None:
    assert TypeAdapter(Whole).validate_json(given) == whole


@pytest.mark.parametrize("given", ["3.5", '"3"', "true", "null", "1e400"])
def test_nothing_else_is_a_whole_number(given: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Whole).validate_json(given)
