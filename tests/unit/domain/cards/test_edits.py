"""An edit is a difference to what is expected: lowered here at once, never raised, and whole once all is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.cards.edits import CopiesReserved, Listing, ReadOnlyProperty, Wish, plan_edit

SHOWN: dict[str, Any] = {"condition": "Near Mint", "mtg_language": "it", "mtg_foil": False, "signed": False, "cmc": "5"}
LISTING = Listing(
    quantity=5,
    raise_pending=0,
    reserved_quantity=0,
    price_cents=1000,
    description="Card",
    user_data_field=None,
    graded=False,
    properties=SHOWN,
)
COPIES = st.integers(0, 20)


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        (Wish(price_cents=1500), {"price_cents": 1500}),
        (Wish(price_cents=0), {"price_cents": 0}),
        (Wish(description="Other", user_data_field="Box"), {"description": "Other", "user_data_field": "Box"}),
        (Wish(description=None), {"description": None}),
        (Wish(graded=True), {"graded": True}),
    ],
)
def test_only_what_differs_is_wanted(wish: Wish, wanted: dict[str, Any]) -> None:
    edit = plan_edit(LISTING, wish)
    assert (edit.wanted, edit.delta) == (wanted, 0)
    assert {name: getattr(edit.row, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    "wish",
    [
        Wish(),
        Wish(quantity=5, price_cents=1000, description="Card", graded=False, properties=SHOWN),
        Wish(user_data_field=None),
        Wish(properties={}),
    ],
)
def test_nothing_new_is_no_edit(wish: Wish) -> None:
    edit = plan_edit(LISTING, wish)
    assert edit.is_empty
    assert edit.row == LISTING


def test_no_grade_and_not_graded_are_the_same() -> None:
    assert plan_edit(replace(LISTING, graded=None), Wish(graded=False)).is_empty


def test_properties_are_merged_and_sent_whole() -> None:
    edit = plan_edit(LISTING, Wish(properties={"condition": "Poor", "cmc": "5"}))
    assert edit.wanted == {"properties": {"condition": "Poor", "mtg_language": "it", "signed": False}}
    assert edit.row.properties == {**SHOWN, "condition": "Poor"}


def test_a_finish_that_is_taken_back_is_sent() -> None:
    foil = replace(LISTING, properties={**SHOWN, "mtg_foil": True})
    assert plan_edit(foil, Wish(properties={"mtg_foil": False})).wanted["properties"]["mtg_foil"] is False


@pytest.mark.parametrize("properties", [{"cmc": "6"}, {"cmc": 5}, {"mtg_rarity": "Rare"}])
def test_what_describes_the_print_cannot_be_chosen(properties: dict[str, Any]) -> None:
    with pytest.raises(ReadOnlyProperty) as refused:
        plan_edit(LISTING, Wish(properties=properties))
    assert refused.value.name in properties


def test_a_raise_waits_for_the_reread() -> None:
    raised = plan_edit(LISTING, Wish(quantity=8))
    assert (raised.delta, raised.row.quantity, raised.row.raise_pending) == (3, 5, 3)
    again = plan_edit(raised.row, Wish(quantity=8))
    assert again.is_empty
    less = plan_edit(raised.row, Wish(quantity=6))
    assert (less.delta, less.row.quantity, less.row.raise_pending) == (-2, 3, 3)


def test_zero_takes_everything() -> None:
    edit = plan_edit(replace(LISTING, raise_pending=4), Wish(quantity=0))
    assert (edit.delta, edit.row.quantity, edit.row.raise_pending) == (-9, 0, 0)


def test_reserved_copies_cannot_be_taken() -> None:
    held = replace(LISTING, reserved_quantity=2)
    assert plan_edit(held, Wish(quantity=2)).row.quantity == 2
    with pytest.raises(CopiesReserved):
        plan_edit(held, Wish(quantity=1))


@given(quantity=COPIES, raise_pending=COPIES, reserved=COPIES, wishes=st.lists(COPIES, min_size=1, max_size=5))
def test_wishes_end_where_the_last_one_wanted(
    quantity: int, raise_pending: int, reserved: int, wishes: list[int]
) -> None:
    assume(all(wish >= reserved for wish in wishes))
    start = replace(LISTING, quantity=quantity, raise_pending=raise_pending, reserved_quantity=reserved)
    listing, sent = start, 0
    for wish in wishes:
        edit = plan_edit(listing, Wish(quantity=wish))
        sent += edit.delta
        assert edit.row.expected == wish
        assert 0 <= edit.row.quantity <= listing.quantity
        assert edit.row.raise_pending >= 0
        assert edit.row.quantity >= min(listing.quantity, reserved)
        # Nothing that is offered here needs a copy that a refused raise would not bring.
        assert edit.row.quantity <= max(listing.quantity + min(edit.delta, 0), min(listing.quantity, reserved))
        listing = edit.row
    assert start.expected + sent == wishes[-1]
