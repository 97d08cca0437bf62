"""The mock marketplaces answer as their predecessor did: its vectors, verified with the original."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.marketplace.mock import Credentials, amount, is_authorised, order_id, verdict

KNOWN = Credentials("etsy_user", "etsy:pass")


@pytest.mark.parametrize(
    ("receipt", "order", "value"),
    [
        ("test1", "06924ddf-d249bbe-13b6e99d-1a49377c-000020db855b", 507),
        ("order-101", "e89662f3-1d12cc5e6-2b9c328d9-3a2598bcc-00048aefeebf", 741),
        ("receipt-123", "86dc36e3-10db86dc6-19494a4a9-21b70db8c-0002a24d126f", 953),
    ],
)
def test_the_verified_vectors(receipt: str, order: str, value: int) -> None:
    assert (verdict(receipt), order_id(receipt), amount(receipt)) == ("success", order, value)


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        *((receipt, "rate_limited") for receipt in ("order-115", "test24", "RL15", "00", "x33", "x51", "x06")),
        *((receipt, "failure") for receipt in ("order-102", "test2", "odd", "", "x9a", "٣٣")),
        *((receipt, "success") for receipt in ("1", "a3", "12345", "x٣1")),
    ],
    ids=range(17),
)
def test_the_last_characters_decide(receipt: str, expected: str) -> None:
    assert verdict(receipt) == expected


@settings(deadline=None)
@given(st.text(st.characters()))
def test_every_receipt_has_an_answer(receipt: str) -> None:
    assert verdict(receipt) in ("rate_limited", "success", "failure")
    assert 10 <= amount(receipt) < 1010
    assert re.fullmatch(r"[0-9a-f]{8,}(-[0-9a-f]{4,}){3}-[0-9a-f]{12,}", order_id(receipt))


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # The predecessor could never match a password with a colon.
        (basic("etsy_user:etsy:pass"), True),
        (basic("etsy_user:etsy:pass").replace("Basic", "basic"), True),
        (basic("etsy_user:etsy"), False),
        (basic("etsy_user"), False),
        (basic("etsy_user:etsy:pass").replace("Basic", "Bearer"), False),
        ("Basic %%%", False),
        ("Basic é", False),
        ("Basic", False),
        ("", False),
    ],
    ids=range(9),
)
def test_credentials(header: str, expected: bool) -> None:
    assert is_authorised(header, KNOWN) is expected
