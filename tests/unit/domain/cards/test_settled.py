"""Settled chunks as text: what was put in comes out, within the bounds of a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.settled import MOST_CHARACTERS, MOST_CHUNKS, encode, settled_count, unsettled


@given(st.sets(st.integers(0, 300)), st.integers(0, 320), st.integers(0, 320))
def test_what_is_settled_is_left_out_and_nothing_else(numbers: set[int], first: int, count: int) -> None:
    text = encode(numbers)
    assert settled_count(text) == len(numbers)
    assert list(unsettled(text, first, count)) == [n for n in range(first, count) if n not in numbers]


def test_the_empty_text_settles_nothing() -> None:
    assert encode([]) == ""
    assert settled_count("") == 0
    assert list(unsettled("", 1, 4)) == [1, 2, 3]


def test_the_last_chunk_with_a_bit_fits_and_the_next_one_is_refused() -> None:
    text = encode([MOST_CHUNKS - 1])
    assert len(text) == MOST_CHARACTERS
    assert settled_count(text) == 1
    for number in (-1, MOST_CHUNKS):
        with pytest.raises(ValueError, match="no bit"):
            encode([number])
