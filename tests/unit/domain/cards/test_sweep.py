"""A sweep ends within its period, whatever the number of accounts."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.sweep import MOST_PER_PAGE, Pace, pace, room


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [(0, Pace(1, 60)), (1, Pace(1, 60)), (288, Pace(1, 60)), (289, Pace(2, 60)), (1_000, Pace(4, 60))],
)
def test_six_hours_are_spread_in_minutes(accounts: int, expected: Pace) -> None:
    assert pace(accounts, 360) == expected


def test_more_than_a_page_a_minute_come_oftener() -> None:
    assert pace(10_000, 360) == Pace(18, 30)


@given(st.integers(0, 20_000), st.integers(60, 10_080))
def test_a_sweep_ends_within_its_period(accounts: int, minutes: int) -> None:
    chosen = pace(accounts, minutes)
    assert 1 <= chosen.page <= MOST_PER_PAGE
    assert chosen.pause_seconds >= 1
    assert math.ceil(accounts / chosen.page) * chosen.pause_seconds <= minutes * 60 + chosen.pause_seconds


@pytest.mark.parametrize(
    ("page", "running", "most", "expected"), [(4, 0, 20, 4), (4, 18, 20, 2), (4, 20, 20, 0), (4, 25, 20, 0)]
)
def test_there_is_room_for_as_many_as_may_run(page: int, running: int, most: int, expected: int) -> None:
    assert room(page, running, most) == expected
