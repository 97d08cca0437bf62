"""Decisions about changes: what goes together, what differs, and what became of one whose answer was lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.change_reasons import sentence
from domain.cards.changes import (
    FEW,
    MOST_IN_CALL,
    MOST_SINGLE,
    Change,
    Finding,
    Shown,
    Wanted,
    differences,
    find_out,
    marked,
    next_call,
    unmarked,
)
from domain.cards.pace import Patience, next_work, wait_seconds
from domain.cards.products import BadProduct, Product

LISTING = {"condition": "Near Mint", "mtg_language": "it", "signed": False}
BLUEPRINT = 7


def change(number: int = 1, action: Any = "update", delta: int = 0, **wanted: Any) -> Change:
    product_id = None if action == "create" else 100 + number
    marker = f"brx-{number}" if action == "create" else None
    operation = UUID(int=number)
    return Change(number, operation, action, number, BLUEPRINT, product_id, Wanted(**wanted), delta, marker, 0, None)


def product(number: int = 101, quantity: int = 3, price: int = 100, **fields: Any) -> Product:
    return Product(number, BLUEPRINT, quantity, price, **{"properties_hash": {**LISTING, "cmc": "5"}, **fields})


def bad(number: int) -> BadProduct:
    return BadProduct("no quantity", msgspec.Raw(b'{"id": %d}' % number))


# --- what goes together


kinds = st.tuples(st.sampled_from(["create", "update", "delete"]), st.booleans(), st.integers(0, 9))


@given(st.lists(kinds, min_size=1, max_size=700))
def test_a_call_is_bounded_alike_and_never_empty(made: list[tuple[str, bool, int]]) -> None:
    waiting = [
        replace(change(number, action, delta=int(differs)), attempts=attempts)
        for number, (action, differs, attempts) in enumerate(made)
    ]
    call = next_call(waiting)
    ids = [one.id for one in call.changes]
    assert ids
    assert ids == sorted(set(ids))
    if call.bulk is None:
        assert len(ids) <= MOST_SINGLE
    else:
        assert FEW < len(ids) <= MOST_IN_CALL
        # A quantity in a bulk call is absolute, and would undo a sale.
        assert all(one.action == call.bulk and not one.difference for one in call.changes)


def test_differences_go_one_by_one_however_many() -> None:
    assert next_call([change(number, delta=1) for number in range(400)]).bulk is None


def test_a_call_that_was_refused_is_halved_down_to_single_ones() -> None:
    sizes = []
    for attempts in range(6):
        call = next_call([replace(change(number, price_cents=1), attempts=attempts) for number in range(MOST_IN_CALL)])
        sizes.append((len(call.changes), call.bulk))
    assert sizes == [(500, "update"), (250, "update"), (125, "update"), (62, "update"), (31, "update"), (50, None)]


# --- what differs


@pytest.mark.parametrize(
    ("wanted", "shown", "wrong"),
    [
        ({}, {}, ()),
        ({"price_cents": 100}, {}, ()),
        ({"price_cents": 99}, {}, ("price_cents",)),
        ({"price_cents": 0}, {"price": 0}, ()),
        ({"description": None}, {"description": ""}, ()),
        ({"description": "a"}, {"description": None}, ("description",)),
        ({"user_data_field": "a"}, {"user_data_field": "b"}, ("user_data_field",)),
        ({"graded": False}, {"graded": None}, ()),
        ({"graded": True}, {"graded": 0}, ("graded",)),
        ({"properties": LISTING}, {}, ()),
        ({"properties": {"condition": "near mint"}}, {}, ()),
        ({"properties": {"mtg_foil": False}}, {}, ()),
        ({"properties": {"mtg_foil": True}}, {}, ("mtg_foil",)),
        ({"properties": {"condition": "Poor", "signed": False}, "price_cents": 1}, {}, ("price_cents", "condition")),
    ],
)
def test_what_is_not_as_asked_is_named(wanted: dict[str, Any], shown: dict[str, Any], wrong: tuple[str, ...]) -> None:
    assert differences(change(**wanted), product(**shown)) == wrong


def test_copies_may_have_moved_since_and_are_no_difference() -> None:
    assert differences(change(delta=5), product(quantity=1)) == ()
    assert differences(change(action="create", quantity=5, price_cents=100), product(user_data_field="brx-1")) == ()


def test_a_marker_follows_the_sellers_own_text() -> None:
    assert marked("sku 7", "brx-1") == "sku 7 brx-1"
    assert marked(None, "brx-1") == "brx-1"
    assert marked(msgspec.UNSET, None) is None
    asked = change(action="create", user_data_field="sku 7")
    assert differences(asked, product(user_data_field="sku 7 brx-1")) == ()
    assert differences(asked, product(user_data_field="sku 8 brx-2")) == ("user_data_field",)


def test_a_marker_is_no_wish_of_the_sellers() -> None:
    """CardTrader may add a listing to a product that keeps its own text, or another listing's marker."""
    plain = change(action="create", price_cents=100)
    assert differences(plain, product(user_data_field="sku 9")) == ()
    asked = change(action="create", user_data_field="sku 7")
    assert differences(asked, product(user_data_field="sku 7 brx-2")) == ()
    assert unmarked("sku 7 brx-2") == "sku 7"
    assert unmarked("brx-2") is None
    assert unmarked("sku 7") == "sku 7"
    assert unmarked(None) is None


# --- what became of it


FIELDS = change(price_cents=100)
RAISED = replace(change(delta=2), quantity_before=3)


@pytest.mark.parametrize(
    ("asked", "shown", "sold", "found"),
    [
        (FIELDS, [product()], {}, Finding("applied")),
        (FIELDS, [product(price=99)], {}, Finding("not_applied")),
        (FIELDS, [], {}, Finding("not_applied")),
        (FIELDS, [bad(101)], {}, Finding("undecided")),
        (change(action="delete"), [], {}, Finding("applied")),
        (change(action="delete"), [product()], {}, Finding("not_applied")),
        (change(action="delete"), [bad(101)], {}, Finding("not_applied")),
        # Fields were sent, the difference was not begun.
        (change(delta=2, price_cents=100), [product()], {}, Finding("not_applied")),
        (RAISED, [product(quantity=5)], {}, Finding("applied")),
        (RAISED, [product(quantity=3)], {}, Finding("not_applied")),
        (RAISED, [product(quantity=4)], {101: 1}, Finding("applied")),
        (RAISED, [product(quantity=4)], {}, Finding("undecided")),
        (RAISED, [], {101: 3}, Finding("not_applied")),
        (RAISED, [bad(101)], {}, Finding("undecided")),
        (RAISED, [bad(999)], {101: 3}, Finding("undecided")),
    ],
)
def test_the_stock_tells_what_became_of_it(
    asked: Change, shown: list[Shown], sold: dict[int, int], found: Finding
) -> None:
    assert find_out(asked, shown, sold) == found


# --- pace


@pytest.mark.parametrize(
    ("counts", "work"),
    [
        ((0, 0, 0, 0, 0), "none"),
        ((1, 0, 0, 0, 1), "send"),
        ((1, 0, 1, 1, 1), "follow"),
        ((1, 0, 0, 1, 1), "settle"),
        ((0, 0, 0, 0, 1), "verify"),
        ((300, 300, 0, 0, 199), "send"),
        ((300, 300, 0, 0, 200), "verify"),
        ((300, 299, 0, 0, 9_000), "send"),
    ],
)
def test_one_thing_after_another(counts: tuple[int, int, int, int, int], work: str) -> None:
    waiting, slow, in_job, unknown, done = counts
    assert next_work(waiting=waiting, slow=slow, in_job=in_job, unknown=unknown, done=done) == work


@given(attempts=st.integers(0, 40), since=st.floats(0, 10_000), listings=st.booleans())
def test_the_wait_is_bounded_and_runs_out(attempts: int, since: float, *, listings: bool) -> None:
    wait = wait_seconds(Patience(), timedelta(seconds=since), attempts=attempts, listings=listings)
    assert 0 <= wait <= 300
    assert wait_seconds(Patience(), timedelta(seconds=since + wait), attempts=attempts, listings=listings) <= 1


def test_the_wait_doubles() -> None:
    waits = [wait_seconds(Patience(5, 30), timedelta(), attempts=n, listings=False) for n in (1, 2, 3, 9)]
    assert waits == [5, 10, 20, 300]
    assert wait_seconds(Patience(5, 30), timedelta(seconds=1), attempts=1, listings=True) == 29


def test_reasons_are_sentences() -> None:
    assert sentence("REFUSED", ("price", "condition")) == "CardTrader refused the change: price, condition."
    assert sentence("NOT_ON_SALE").endswith(".")
