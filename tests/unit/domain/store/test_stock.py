"""The shop's own rules, and the law that ties its stock to central's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.store.stock import (
    CentralStock,
    Shelf,
    StockMoved,
    TooFew,
    UnknownSku,
    after_push,
    moved_elsewhere,
    refusal,
)

QUANTITIES = st.integers(-50, 50)
DELTAS = st.integers(-60, 60).filter(bool)


@given(QUANTITIES, DELTAS)
def test_a_movement_is_made_unless_it_takes_more_than_there_is(quantity: int, delta: int) -> None:
    found = refusal(Shelf(quantity, 3), delta)
    if delta > 0 or quantity + delta >= 0:
        assert found is None
    else:
        assert isinstance(found, TooFew)
        assert (found.available, found.requested) == (max(quantity, 0), -delta)


def test_who_expects_another_version_is_told_before_the_quantity_is_looked_at() -> None:
    found = refusal(Shelf(1, 3), -5, {2, 4})
    assert isinstance(found, StockMoved)
    assert found.version == 3
    assert refusal(Shelf(5, 3), -5, {2, 3}) is None
    assert isinstance(refusal(Shelf(5, 3), -5, frozenset()), StockMoved)


def test_what_is_not_there_cannot_be_moved() -> None:
    assert isinstance(refusal(None, 5, {1}), UnknownSku)


@pytest.mark.parametrize(
    ("known", "told", "expected"),
    [
        (CentralStock(4, 9), CentralStock(5, 20), CentralStock(5, 20)),
        (CentralStock(4, 9), CentralStock(5), CentralStock(5, 7)),
        (CentralStock(3, 9), CentralStock(5), CentralStock(5)),
        (CentralStock(4), CentralStock(5), CentralStock(5)),
        (None, CentralStock(5), CentralStock(5)),
    ],
)
def test_after_a_push_central_has_what_it_told_or_what_follows(
    known: CentralStock | None, told: CentralStock, expected: CentralStock
) -> None:
    assert after_push(known, 4, -2, told) == expected


@given(QUANTITIES, st.integers(0, 50), QUANTITIES)
def test_the_difference_makes_the_law_hold(quantity: int, central: int, unpushed: int) -> None:
    difference = moved_elsewhere(quantity, CentralStock(1, central), unpushed)
    assert quantity + difference == central + unpushed


def test_what_central_does_not_tell_changes_nothing() -> None:
    assert moved_elsewhere(7, CentralStock(1), -3) == 0
