"""The shrink guard: small drops pass, large ones pass once agreed upon or forced, and nothing dead-locks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.shrink import removal_allowed

COUNT = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("missing", "baseline", "held_before", "force", "allowed"),
    [
        (0, 0, 0, False, True),
        (3, 3, 0, False, True),
        (4, 3, 0, False, False),
        (4, 39, 0, False, True),
        (100, 1000, 0, False, True),
        (101, 1000, 0, False, False),
        (1000, 1000, 0, False, False),
        (1000, 1000, 0, True, True),
        (1000, 1000, 1000, False, True),
        (1000, 1000, 980, False, True),
        (1000, 1000, 979, False, False),
        (20, 20, 15, False, True),
        (20, 20, 14, False, False),
        (4, 3, 1, False, True),
        (5, 4, 0, False, False),
    ],
)
def test_the_table(missing: int, baseline: int, held_before: int, force: bool, allowed: bool) -> None:
    assert removal_allowed(missing=missing, baseline=baseline, held_before=held_before, force=force) is allowed


@given(COUNT, COUNT)
def test_a_held_drop_passes_the_second_time(missing: int, baseline: int) -> None:
    assert removal_allowed(missing=missing, baseline=baseline, held_before=missing, force=False) or missing == 0


@given(COUNT, COUNT, COUNT)
def test_force_always_passes(missing: int, baseline: int, held: int) -> None:
    assert removal_allowed(missing=missing, baseline=baseline, held_before=held, force=True)


@given(COUNT, COUNT)
def test_what_passes_unasked_passes_for_fewer_too(missing: int, baseline: int) -> None:
    if removal_allowed(missing=missing, baseline=baseline, held_before=0, force=False):
        assert removal_allowed(missing=max(0, missing - 1), baseline=baseline, held_before=0, force=False)


@given(st.integers(31, 10_000))
def test_an_emptied_stock_never_passes_unasked(baseline: int) -> None:
    assert not removal_allowed(missing=baseline, baseline=baseline, held_before=0, force=False)
