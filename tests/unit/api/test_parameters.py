"""Cursors are opaque, exact and safe against whatever is pasted."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cards.parameters import decode_cursor, encode_cursor, next_cursor, page_size
from api.errors import InvalidInput
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
