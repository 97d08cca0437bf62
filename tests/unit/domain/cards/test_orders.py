"""What each state of an order means for the stock, whatever order its events come in."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.orders import Event, MalformedEvent, OrderLine, Verdict, judge, judge_found, read_event


def item(item_id: int, **changes: Any) -> dict[str, Any]:
    return {"id": item_id, "product_id": 7, "blueprint_id": 3, "quantity": 1, **changes}


def body(*items: Any, **changes: Any) -> bytes:
    order = {"id": 50, "state": "paid", "via_cardtrader_zero": False, "order_items": list(items), "order_as": "seller"}
    envelope = {name: changes.pop(name) for name in ("id", "cause", "object_class", "mode", "data") if name in changes}
    event = {"id": "e-1", "time": 1, "cause": "order.update", "object_class": "Order", "object_id": 50, "mode": "live"}
    return json.dumps({**event, "data": {**order, **changes}, **envelope}).encode()


def verdict(*items: Any, **changes: Any) -> Verdict:
    return judge(read_event(body(*items, **changes)))


LATER = ("sent", "arrived", "done", "lost")


@pytest.mark.parametrize(
    ("state", "zero", "sold", "reread"),
    [
        ("paid", False, True, "always"),
        ("paid", None, True, "always"),
        ("paid", True, False, "always"),
        ("hub_pending", True, True, "always"),
        ("hub_pending", False, False, "always"),
        ("closed", True, True, "if_sold"),
        ("closed", False, True, "if_sold"),
        ("canceled", False, False, "always"),
        ("canceled", True, False, "always"),
        ("request_for_cancel", False, True, "always"),
        ("request_for_cancel", True, True, "always"),
        ("on_the_moon", False, False, "always"),
        ("", True, False, "always"),
        *((state, False, True, "if_sold") for state in LATER),
        *((state, True, False, "never") for state in LATER),
    ],
)
def test_states(state: str, zero: bool | None, sold: bool, reread: str) -> None:
    found = verdict(item(1), state=state, via_cardtrader_zero=zero)
    assert (found.lines[0].sold, found.reread, found.reason) == (sold, reread, "")


def test_plain_is_what_names_products_and_is_read_again_in_any_case() -> None:
    assert verdict(item(1), item(2, product_id=8)).is_plain
    assert verdict(item(1), state="canceled").is_plain
    assert not verdict(item(1), item(2, product_id=None)).is_plain
    assert not verdict(item(1), state="sent").is_plain
    assert not verdict(cause="order.destroy").is_plain
    assert not verdict().is_plain


@pytest.mark.parametrize(("origin", "sold"), [(None, True), (50, True), (49, False)])
def test_a_presale_order_counts_only_its_own_items(origin: int | None, sold: bool) -> None:
    listed = item(1, hub_pending_order_id=origin)
    found = verdict(listed, state="hub_pending", via_cardtrader_zero=True, presale=True)
    assert found.lines[0].sold is sold


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": "test"}, "ignored: test"),
        ({"object_class": "Product"}, "ignored: no order event"),
        ({"cause": "order.sneezed"}, "ignored: no order event"),
        ({"order_as": "buyer"}, "ignored: bought, not sold"),
        ({"data": [1]}, "unreadable order"),
        ({"data": None}, "unreadable order"),
    ],
)
def test_what_does_not_concern_the_stock_says_why(changes: dict[str, Any], reason: str) -> None:
    found = verdict(item(1), **changes)
    assert (found.reason, found.reread, found.lines) == (reason, "never", ())


@pytest.mark.parametrize("data", [{}, None])
def test_destroy_names_only_its_order(data: Any) -> None:
    assert verdict(cause="order.destroy", data=data) == Verdict(50, destroyed=True)


def test_unusable_items_do_not_touch_the_others() -> None:
    gone = item(2, deleted_at="2026-05-02T11:22:33.000Z")
    odd = [item(3, quantity=0), item(4, quantity="2"), item(0), item(5, blueprint_id=None), "no item", None]
    found = verdict(item(1), gone, *odd, item(1, quantity=9), item(6, product_id=None))
    assert found.lines == (OrderLine(1, 3, 7, 1, True), OrderLine(6, 3, None, 1, False))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'{"id": "e"}',
        b"\xff",
        b"[" * 100_000,
        body(id="a b"),
        body(id="x" * 129),
        body(id=""),
        body(id="e-1\n"),
        body(cause="order\u0000"),
    ],
)
def test_what_is_no_webhook_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedEvent):
        read_event(raw)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_body_is_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(MalformedEvent):
        assert isinstance(judge(read_event(raw)), Verdict)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("state", "via_cardtrader_zero", "order_as", "order_items", "presale")


@given(st.dictionaries(st.sampled_from(FIELDS), Json))
def test_any_order_is_judged(order: dict[str, Any]) -> None:
    event = Event("e", "order.create", "Order", 50, "live", data=msgspec.Raw(json.dumps(order).encode()))
    found = judge(event)
    assert all(line.quantity > 0 for line in found.lines)


@pytest.mark.parametrize("state", ["paid", "done", "canceled"])
def test_an_order_that_was_read_has_an_effect_only_by_what_it_sold(state: str) -> None:
    order = {"state": state, "order_items": [item(1)]}
    found = judge_found(50, json.dumps(order).encode())
    assert (found.order_id, found.reread) == (50, "if_sold")
    assert [line.sold for line in found.lines] == [state != "canceled"]
