"""What a lost answer meant: never told wrongly, and told whenever nobody else bought."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from domain.cards.purchases import OPEN, State, outcome_of_taking, sentence

few = st.integers(min_value=0, max_value=6)
some = st.integers(min_value=1, max_value=6)


@given(before=some, copies=some, sold=few, told=few, taken=st.booleans())
def test_a_verdict_is_never_wrong_when_orders_tell_of_every_sale(
    before: int, copies: int, sold: int, told: int, taken: bool
) -> None:
    """`told` may also hold older sales, which `before` knows already."""
    assume(copies <= before and sold <= told)
    left = before - sold - (copies if taken else 0)
    verdict = outcome_of_taking(before=before, copies=copies, now=left if left > 0 else None, sold=told)
    fully_taken = taken and left >= 0
    if verdict == "applied":
        # One order told too many at most looks like a short take; it never looks like a full one.
        assert fully_taken
    if verdict == "not_applied":
        assert not taken


@given(before=some, copies=some, taken=st.booleans())
def test_nobody_else_bought_so_it_is_told(before: int, copies: int, taken: bool) -> None:
    assume(copies <= before)
    left = before - copies if taken else before
    verdict = outcome_of_taking(before=before, copies=copies, now=left or None, sold=0)
    assert verdict == ("applied" if taken else "not_applied")


def test_a_sale_that_would_explain_as_much_decides_nothing() -> None:
    assert outcome_of_taking(before=3, copies=1, now=2, sold=1) == "undecided"


def test_a_product_that_ended_with_too_few_copies_was_not_sold_twice() -> None:
    assert outcome_of_taking(before=3, copies=2, now=None, sold=2) == "undecided"
    assert outcome_of_taking(before=3, copies=2, now=None, sold=1) == "applied"


def test_a_restocked_product_decides_nothing() -> None:
    assert outcome_of_taking(before=3, copies=2, now=9, sold=0) == "undecided"


def test_every_reason_reads_as_a_sentence() -> None:
    assert sentence("OUTCOME_UNKNOWN") != sentence("PURCHASE_EXPIRED") != sentence("no such code")
    states: tuple[State, ...] = ("purchased", "refused")
    assert not set(OPEN) & set(states)
