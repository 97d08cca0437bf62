"""Deletions: only what a complete full sync proves, and not much at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.pipeline.deletion import SENTENCES, FullSync, refusal

COMPLETE = FullSync(
    full=True,
    pages_failed=0,
    rows_fetched=95,
    rows_reported=95,
    rows_without_key=0,
    rows_superseded=0,
    stored=100,
    missing=5,
)


def test_a_complete_full_sync_deletes() -> None:
    assert refusal(COMPLETE) is None
    assert refusal(replace(COMPLETE, missing=10)) is None
    assert refusal(replace(COMPLETE, stored=5, missing=1)) is None
    assert refusal(replace(COMPLETE, stored=0, missing=0, rows_fetched=0, rows_reported=0)) is None


@pytest.mark.parametrize(
    ("sync", "code"),
    [
        (replace(COMPLETE, full=False), "NOT_FULL"),
        (replace(COMPLETE, rows_reported=None), "TOTAL_UNKNOWN"),
        (replace(COMPLETE, pages_failed=1), "INCOMPLETE"),
        (replace(COMPLETE, rows_reported=96), "INCOMPLETE"),
        (replace(COMPLETE, rows_reported=94), "INCOMPLETE"),
        (replace(COMPLETE, rows_without_key=1), "KEYS_UNKNOWN"),
        (replace(COMPLETE, rows_superseded=1), "KEYS_REPEATED"),
    ],
)
def test_what_proves_nothing_is_not_forced_either(sync: FullSync, code: str) -> None:
    assert refusal(sync) == refusal(sync, force=True) == code
    assert code in SENTENCES


def test_the_shrink_guard_gives_way_to_a_persons_word() -> None:
    assert refusal(replace(COMPLETE, missing=11)) == "SHRUNK"
    assert refusal(replace(COMPLETE, missing=11), force=True) is None
    assert refusal(replace(COMPLETE, stored=20, missing=3)) == "SHRUNK"


@given(st.integers(2, 10**6))
def test_a_table_is_never_emptied_unasked(stored: int) -> None:
    assert refusal(replace(COMPLETE, stored=stored, missing=stored)) == "SHRUNK"
