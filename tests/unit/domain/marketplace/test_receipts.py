"""What an attempt makes of a receipt, and what the attempts make of their store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.marketplace.receipts import (
    LATEST,
    LONGEST_WAIT,
    RECEIPT_STATES,
    Imported,
    Patience,
    ReceiptState,
    Refusal,
    Setback,
    Settlement,
    settle,
    store_status,
)

MINUTES = (5, 10, 20, 40, 60)
PATIENCE = Patience(tuple(timedelta(minutes=each) for each in MINUTES), most_attempts=30)
ORDER = Imported("o-1", Decimal("0"), "EUR", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("limited", [True, False])
def test_the_series_of_waits(limited: bool) -> None:
    waits = [settle(Setback("later", limited), attempt, PATIENCE).wait for attempt in range(1, 9)]
    assert waits == [timedelta(minutes=each) for each in (*MINUTES, 60, 60, 60)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (timedelta(minutes=7), timedelta(minutes=7)),
        (timedelta(seconds=1), timedelta(minutes=5)),
        (timedelta(seconds=-1), timedelta(minutes=5)),
        (timedelta(days=400), LONGEST_WAIT),
    ],
)
def test_a_longer_wait_that_is_asked_for_wins(asked: timedelta, expected: timedelta) -> None:
    assert settle(Setback("rate_limited", True, asked), 1, PATIENCE).wait == expected


def test_permanent_and_transient_failures_are_different_states() -> None:
    assert settle(Refusal("invalid_receipt"), 1, PATIENCE) == Settlement("failed", "invalid_receipt")
    assert settle(Setback("away"), 1, PATIENCE) == Settlement("transient", "away", timedelta(minutes=5))
    assert settle(Setback("rate_limited", limited=True), 1, PATIENCE).state == "rate_limited"
    assert settle(ORDER, 3, PATIENCE) == Settlement("success", imported=ORDER)


@settings(deadline=None)
@given(st.integers(1, 100), st.booleans())
def test_nobody_tries_for_ever(attempt: int, limited: bool) -> None:
    settled = settle(Setback("later", limited), attempt, PATIENCE)
    assert (settled.state == "failed") == (attempt >= PATIENCE.most_attempts) == (settled.wait is None)
    assert (settled.code == "retries_exhausted") == (settled.state == "failed")


STATES = st.sampled_from(RECEIPT_STATES)


@pytest.mark.parametrize(
    ("latest", "expected"),
    [
        ([], "pending"),
        (["pending"], "pending"),
        (["success"], "success"),
        (["success", "success"], "success"),
        (["success", "failed"], "partial"),
        (["failed", "success"], "partial"),
        (["success", "rate_limited"], "partial"),
        (["rate_limited"], "partial"),
        (["rate_limited", "rate_limited"], "partial"),
        (["rate_limited", "failed"], "partial"),
        (["failed"], "failed"),
        (["failed", "rate_limited"], "failed"),
        (["transient"], "failed"),
        (["transient", "success"], "partial"),
        (["pending", "success"], "success"),
        (["success"] * LATEST + ["failed"], "success"),
        (["failed"] * LATEST + ["success"], "failed"),
        (["success"] * (LATEST - 1) + ["failed"], "partial"),
    ],
    ids=range(18),
)
def test_the_rules_of_the_seed(latest: list[ReceiptState], expected: str) -> None:
    assert store_status(latest) == expected


@settings(deadline=None)
@given(st.lists(STATES, max_size=40))
def test_the_status_says_what_the_seed_says(latest: list[ReceiptState]) -> None:
    attempts = [state for state in latest if state != "pending"][:LATEST]
    status = store_status(latest)
    unhappy = [state for state in attempts if state != "success"]
    if status == "pending":
        assert not attempts
    if status == "success":
        assert not unhappy
        assert attempts[0] == "success"
    if status == "failed":
        assert attempts[0] in ("failed", "transient")
        assert "success" not in attempts
    if attempts and unhappy and "success" in attempts:
        assert status == "partial"
