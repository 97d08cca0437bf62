"""New listings whose answer was lost: what was made is found, once, and nothing is listed twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.changes import Change, Finding, Shown, Wanted, copies_alike, marked
from domain.cards.listings import Lost, Made, find_listings
from domain.cards.products import BadProduct, Product

LISTING: dict[str, bool | str] = {"condition": "Near Mint", "mtg_language": "it", "signed": False}
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BLUEPRINT = 7
UNDECIDED, NOT_MADE = Finding("undecided"), Finding("not_applied")


def listing(
    number: int = 1, *, before: int = 0, at: int = 0, sold: Mapping[int, int] | None = None, **fields: Any
) -> Lost:
    """Four copies, unless told otherwise, sent at that second."""
    doubtful = fields.pop("doubtful", False)
    wanted = Wanted(**{"quantity": 4, "price_cents": 100, "properties": LISTING, **fields})
    operation = UUID(int=number)
    change = Change(number, operation, "create", None, BLUEPRINT, None, wanted, 0, f"brx-{number}", 1, before)
    return Lost(change, moment(at), sold or {}, doubtful)


def moment(second: int) -> datetime:
    return BEGAN + timedelta(seconds=second)


def product(number: int, quantity: int, text: str | None = None, **fields: Any) -> Product:
    values = {"properties_hash": dict(LISTING), "user_data_field": text, **fields}
    return Product(number, BLUEPRINT, quantity, 100, **values)


def bad(number: int) -> BadProduct:
    return BadProduct("no quantity", msgspec.Raw(b'{"id": %d}' % number))


def made(number: int, *, copies: int = 4, at: int = 0) -> Made:
    """One that CardTrader answered for."""
    return Made(number, Wanted(quantity=copies, price_cents=100, properties=LISTING), moment(at))


@pytest.mark.parametrize(
    ("asked", "shown", "found"),
    [
        (listing(), [product(900, 4, "sku brx-1")], Finding("applied", 900)),
        # Its own marker counts, whatever else is unreadable or was bought.
        (listing(doubtful=True), [product(900, 1, "brx-1"), bad(3)], Finding("applied", 900)),
        (listing(), [product(900, 3, "brx-11")], UNDECIDED),
        (listing(), [], NOT_MADE),
        (listing(), [product(900, 3, properties_hash={**LISTING, "condition": "Poor"})], NOT_MADE),
        (listing(), [bad(900)], UNDECIDED),
        (listing(doubtful=True), [], UNDECIDED),
        (listing(before=3), [product(101, 7)], Finding("applied", 101)),
        (listing(before=3, sold={101: 1}), [product(101, 6)], Finding("applied", 101)),
        (listing(before=3), [product(101, 3)], NOT_MADE),
        (listing(before=3), [product(101, 5)], UNDECIDED),
        (listing(before=3), [], UNDECIDED),
        # Sold out since: it may have been the listing, and must not be sent again.
        (listing(sold={900: 4}), [], UNDECIDED),
        (listing(before=3, sold={101: 3}), [], NOT_MADE),
        (listing(before=3, sold={101: 3, 900: 1}), [product(102, 4)], Finding("applied", 102)),
        (listing(before=3, sold={101: 3, 900: 4}), [product(102, 3)], UNDECIDED),
    ],
)
def test_one_listing_is_found_by_its_marker_or_by_copies(asked: Lost, shown: list[Shown], found: Finding) -> None:
    assert find_listings([asked], [], shown, {}) == {1: found}


def test_a_listing_beside_a_twin_that_was_answered_is_the_rest_of_the_growth() -> None:
    twin, shown = made(900), [product(101, 6), product(900, 8, "brx-9")]
    assert find_listings([listing(before=10, at=1)], [twin], shown, {}) == {1: Finding("applied", 900)}
    assert find_listings([listing(before=6)], [twin], shown, {}) == {1: Finding("applied", 900)}
    alone = [product(101, 6), product(900, 4, "brx-9")]
    assert find_listings([listing(before=10, at=1)], [twin], alone, {}) == {1: NOT_MADE}
    assert find_listings([listing(before=6)], [twin], alone, {}) == {1: NOT_MADE}


def test_a_listing_of_another_kind_is_counted_but_names_no_product() -> None:
    signed: dict[str, bool | str] = {**LISTING, "signed": True}
    shown = [product(900, 4, "brx-9", properties_hash=signed), product(101, 6)]
    other = Made(900, Wanted(quantity=4, properties=signed), moment(0))
    assert find_listings([listing(before=2)], [other], shown, {101: 2}) == {1: Finding("applied", 101)}


def test_a_listing_that_went_to_its_twin_and_was_sold_out_with_it_was_made() -> None:
    assert find_listings([listing(sold={900: 8})], [made(900)], [], {}) == {1: Finding("applied", 900)}


def test_two_twins_without_an_answer_are_assigned_one_to_one() -> None:
    twins = [listing(1), listing(2, before=4, at=1)]
    both = {1: Finding("applied", 900), 2: Finding("applied", 900)}
    assert find_listings(twins, [], [product(900, 8, "brx-1")], {}) == both
    second = {1: NOT_MADE, 2: Finding("applied", 900)}
    assert find_listings([listing(1), listing(2, at=1)], [], [product(900, 4, "brx-2")], {}) == second
    assert find_listings([listing(1), listing(2, at=1)], [], [], {}) == {1: NOT_MADE, 2: NOT_MADE}


@pytest.mark.parametrize(("copies", "count"), [(0, 0), (4, 1), (6, 2), (9, 3)])
def test_of_one_bulk_call_the_first_were_made(copies: int, count: int) -> None:
    call = [listing(1, before=5), listing(2, before=5, quantity=2), listing(3, before=5, quantity=3)]
    found = find_listings(call, [], [product(101, 5 + copies)], {})
    assert [found[number].outcome for number in (1, 2, 3)] == ["applied"] * count + ["not_applied"] * (3 - count)


def test_what_no_number_of_listings_explains_is_undecided() -> None:
    assert find_listings([listing(1), listing(2)], [], [product(101, 5)], {}) == {1: UNDECIDED, 2: UNDECIDED}


def test_of_products_alike_the_one_that_grew_is_it_else_the_likest() -> None:
    loose: dict[str, Any] = {"properties": msgspec.UNSET}
    shown = [product(101, 6, description="x"), product(102, 9, description="x"), product(103, 1)]
    asked = listing(before=12, **loose)
    assert find_listings([asked], [], shown, {101: 6, 102: 5, 103: 1}) == {1: Finding("applied", 102)}
    plain = listing(before=12, description=None, **loose)
    assert find_listings([plain], [], shown, {101: 6, 102: 9, 103: 1}) == {1: Finding("applied", 103)}


stocks = st.lists(st.integers(1, 9), max_size=4)


@given(had=stocks, copies=st.integers(1, 9), twins=st.integers(1, 4), merged=st.booleans(), data=st.data())
def test_what_was_made_is_found_and_what_was_not_is_not(
    had: list[int], copies: int, twins: int, data: st.DataObject, *, merged: bool
) -> None:
    """Listings of one wording, sent one after the other; CardTrader adds to a product, or takes each for its own."""
    shown: list[Product] = [product(200 + place, quantity) for place, quantity in enumerate(had)]
    lost, reality = list[Lost](), dict[int, bool]()
    for number in range(1, twins + 1):
        asked = listing(number, quantity=copies)
        asked = listing(number, before=copies_alike(asked.change, shown), at=number, quantity=copies)
        lost.append(asked)
        reality[number] = data.draw(st.booleans())
        if reality[number]:
            shown = _with(asked.change, shown, merged=merged)
    found = find_listings(lost, [], shown, {200 + place: quantity for place, quantity in enumerate(had)})
    assert {number: finding.outcome == "applied" for number, finding in found.items()} == reality


def _with(change: Change, shown: Sequence[Product], *, merged: bool) -> list[Product]:
    copies = change.wanted.quantity or 0
    if merged and shown:
        first, *others = shown
        return [msgspec.structs.replace(first, quantity=first.quantity + copies), *others]
    return [*shown, product(900 + change.id, copies, marked(None, change.marker))]
