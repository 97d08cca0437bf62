"""What is more than usual: shares of the stock, small numbers always pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.blast_radius import FEW, Blast, cost


@pytest.mark.parametrize(
    ("removed", "repriced", "on_sale", "held"),
    [
        (0, 0, 0, False),
        (1, 0, 5, False),
        (3, 3, 3, False),
        (4, 0, 5, True),
        (4, 0, 40, False),
        (4, 0, 39, True),
        (100, 0, 1000, False),
        (101, 0, 1000, True),
        (0, 50, 1000, False),
        (0, 51, 1000, True),
        (0, 4, 80, False),
        (0, 4, 79, True),
    ],
)
def test_thresholds(removed: int, repriced: int, on_sale: int, held: bool) -> None:
    assert Blast(removed, repriced).exceeds(on_sale) == held


@given(removed=st.integers(0, 10**6), repriced=st.integers(0, 10**6), on_sale=st.integers(0, 10**7))
def test_the_rule_of_the_specification(removed: int, repriced: int, on_sale: int) -> None:
    too_many = removed > max(FEW, on_sale * 0.10) or repriced > max(FEW, on_sale * 0.05)
    assert Blast(removed, repriced).exceeds(on_sale) == too_many


def test_costs_are_those_of_calls_jobs_and_the_reread() -> None:
    assert (cost(creates=0, updates=1, deletes=0, blueprints=1).requests) == 2
    few = cost(creates=0, updates=10, deletes=10, blueprints=20)
    assert (few.requests, few.seconds) == (40, 2)
    many = cost(creates=0, updates=10_000, deletes=1, blueprints=9_000)
    assert (many.requests, many.seconds) == (21 * 3 + 1, 42)
