"""Strings: exactly the predecessor's second layer, for every text."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.pipeline.strings import cleaned
from tests.helpers import predecessor

MESSY = st.text(st.sampled_from(" \t\n\r\x00\x0b\x0c\x1c\x7f\x85\xa0\u2003\u2028aé,"), max_size=12)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  a \t b ", "a b"),
        ("a\r\n\r\n  b\rc", "a\nb\nc"),
        ("a\x00b\x7f", "ab"),
        (" \n ", ""),
        ("tidy text", "tidy text"),
    ],
)
def test_examples(text: str, clean: str) -> None:
    assert cleaned(pl.Series([text])).to_list() == [clean]


@settings(deadline=None, max_examples=60)
@given(st.lists(MESSY | st.text(max_size=12), min_size=1, max_size=5))
@example(["\x1c a"])
@example(["a \x00 b"])
def test_as_the_predecessor(texts: list[str]) -> None:
    assert cleaned(pl.Series(texts)).to_list() == [predecessor.tidied(text) or "" for text in texts]


def test_tidy_texts_are_not_copied() -> None:
    texts = pl.Series(["a b", None])
    assert cleaned(texts) is texts
