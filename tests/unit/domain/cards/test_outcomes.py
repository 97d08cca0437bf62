"""A lost answer: the decision is right whenever all sales are known, and never guessed otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.outcomes import Sold, by_product, outcome_of_difference, sold_after

quantities = st.integers(1, 50)
deltas = st.integers(-60, 60).filter(bool)


class Shelf:
    """CardTrader's side of one product: it ends at zero, and nobody buys more than there is."""

    def __init__(self, quantity: int) -> None:
        self.quantity, self.sold = quantity, 0

    def sell(self, copies: int) -> None:
        taken = min(copies, self.quantity)
        self.quantity, self.sold = self.quantity - taken, self.sold + taken

    def increment(self, delta: int) -> None:
        if self.quantity:
            self.quantity = max(self.quantity + delta, 0)

    @property
    def seen(self) -> int | None:
        return self.quantity or None


@given(quantities, deltas, st.integers(0, 60), st.integers(0, 60))
def test_with_all_sales_known_a_made_difference_is_never_taken_for_one_that_was_not(
    before: int, delta: int, earlier: int, later: int
) -> None:
    shelf = Shelf(before)
    shelf.sell(earlier)
    made = shelf.quantity > 0
    shelf.increment(delta)
    shelf.sell(later)
    found = outcome_of_difference(before=before, delta=delta, now=shelf.seen, sold=shelf.sold)
    assert found != ("not_applied" if made else "applied")


@given(quantities, deltas, st.integers(0, 60))
def test_with_all_sales_known_a_difference_that_was_not_made_is_found_out(before: int, delta: int, sold: int) -> None:
    shelf = Shelf(before)
    shelf.sell(sold)
    found = outcome_of_difference(before=before, delta=delta, now=shelf.seen, sold=shelf.sold)
    assert found == "not_applied"


@pytest.mark.parametrize(
    ("before", "delta", "now", "sold", "expected"),
    [
        (3, -1, 2, 0, "applied"),
        (3, -1, 3, 0, "not_applied"),
        (3, -1, 1, 1, "applied"),
        (3, -1, 2, 1, "not_applied"),
        (1, -1, None, 0, "applied"),
        (1, -1, None, 1, "not_applied"),
        (2, +3, 5, 0, "applied"),
        (2, +3, None, 5, "applied"),
        (2, +3, None, 2, "not_applied"),
        # Somebody else raised or lowered it, or a sale is not known yet.
        (3, -1, 1, 0, "undecided"),
        (3, -1, 7, 0, "undecided"),
        (3, -1, None, 0, "undecided"),
        (2, -1, 2, 5, "undecided"),
    ],
)
def test_the_quantity_now_tells(before: int, delta: int, now: int | None, sold: int, expected: str) -> None:
    assert outcome_of_difference(before=before, delta=delta, now=now, sold=sold) == expected


SENT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "sure", "most"),
    [(-9.0, False, False), (-1.0, False, True), (0.0, False, True), (2.0, False, True), (2.1, True, True)],
)
def test_a_sale_told_late_is_none_since_and_one_near_by_either(seconds: float, sure: bool, most: bool) -> None:
    sale = Sold(7, 2, (1, 1))
    times = {(1, 1): SENT + timedelta(seconds=seconds)}
    for_sure, at_most = sold_after([sale], SENT, times, skew=timedelta(seconds=2))
    assert (for_sure == [sale], at_most == [sale]) == (sure, most)


def test_what_has_no_time_was_sold_since() -> None:
    sales = [Sold(7, 2), Sold(7, 3, (1, 1)), Sold(8, 1, (1, 2))]
    for_sure, at_most = sold_after(sales, SENT, {}, skew=timedelta(seconds=2))
    assert for_sure == at_most == sales
    assert by_product(sales) == {7: 5, 8: 1}
