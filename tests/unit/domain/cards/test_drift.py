"""What a reconciliation calls different, field by field, and which cause it gives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cards.drift import (
    NO_EVIDENCE,
    Drift,
    DriftSummary,
    Evidence,
    FailedWrite,
    Finding,
    Listing,
    Remains,
    after_sale,
    corrected,
    extra,
    missing,
    summarise,
    tally,
)

OURS = Listing(7, 42, 3, 100, {"condition": "Near Mint", "mtg_foil": False}, "clean", "shelf 3", None)
SOLD = Evidence(sold=True)


def found(ours: Listing, theirs: Listing, evidence: Evidence = NO_EVIDENCE, *, read: bool = True) -> list[Finding]:
    drift = corrected(ours, theirs, evidence, orders_read=read)
    return [] if drift is None else list(drift.findings)


def test_equal_rows_are_no_drift() -> None:
    assert corrected(OURS, replace(OURS), SOLD, orders_read=True) is None


@pytest.mark.parametrize(
    ("change", "field", "old", "new"),
    [
        ({"quantity": 5}, "quantity", 3, 5),
        ({"price_cents": 99}, "price_cents", 100, 99),
        ({"description": None}, "description", "clean", None),
        ({"user_data_field": "shelf 4"}, "user_data_field", "shelf 3", "shelf 4"),
        ({"graded": True}, "graded", None, True),
        ({"properties": {**OURS.properties, "condition": "Played"}}, "properties.condition", "Near Mint", "Played"),
        ({"properties": {"condition": "Near Mint"}}, "properties.mtg_foil", False, None),
        ({"properties": {**OURS.properties, "signed": True}}, "properties.signed", None, True),
        ({"properties": {**OURS.properties, "mtg_foil": 0}}, "properties.mtg_foil", False, 0),
    ],
)
def test_every_field_is_named_with_both_values(change: dict[str, Any], field: str, old: object, new: object) -> None:
    assert found(OURS, replace(OURS, **change)) == [Finding(field, old, new, "edited_on_cardtrader")]


def test_a_row_has_a_finding_per_field() -> None:
    theirs = replace(OURS, quantity=1, price_cents=50, properties={"condition": "Poor"})
    fields = [finding.field for finding in found(OURS, theirs)]
    assert fields == ["quantity", "price_cents", "properties.condition", "properties.mtg_foil"]


def test_long_texts_are_cut() -> None:
    (finding,) = found(OURS, replace(OURS, description="x" * 5_000))
    assert finding.new == "x" * 499 + "…"


FEWER, MORE = replace(OURS, quantity=1), replace(OURS, quantity=9)
CHEAPER = replace(OURS, price_cents=1)


@pytest.mark.parametrize(
    ("theirs", "evidence", "read", "cause"),
    [
        (FEWER, SOLD, True, "missed_webhook"),
        (FEWER, SOLD, False, "missed_webhook"),
        (FEWER, NO_EVIDENCE, True, "edited_on_cardtrader"),
        (FEWER, NO_EVIDENCE, False, "unknown"),
        (MORE, SOLD, True, "edited_on_cardtrader"),
        (MORE, NO_EVIDENCE, False, "edited_on_cardtrader"),
        (CHEAPER, SOLD, True, "edited_on_cardtrader"),
        (CHEAPER, Evidence(failed=(FailedWrite(frozenset({"price_cents"})),)), True, "write_failed"),
        (CHEAPER, Evidence(failed=(FailedWrite(frozenset({"price_cents"}), by_job=True),)), True, "job_item_refused"),
        (CHEAPER, Evidence(failed=(FailedWrite(frozenset({"description"})),)), True, "edited_on_cardtrader"),
        (MORE, Evidence(failed=(FailedWrite(frozenset({"quantity"})),)), True, "write_failed"),
        (FEWER, Evidence(sold=True, failed=(FailedWrite(frozenset({"quantity"})),)), True, "missed_webhook"),
    ],
)
def test_the_cause_of_a_field(theirs: Listing, evidence: Evidence, read: bool, cause: str) -> None:
    (finding,) = found(OURS, theirs, evidence, read=read)
    assert finding.cause == cause


def test_a_failed_change_of_a_property_concerns_all_properties() -> None:
    theirs = replace(OURS, properties={**OURS.properties, "condition": "Played"})
    refused = Evidence(failed=(FailedWrite(frozenset({"properties"}), by_job=True),))
    assert found(OURS, theirs, refused)[0].cause == "job_item_refused"


def test_the_most_telling_cause_stands_for_the_row() -> None:
    drift = corrected(OURS, replace(OURS, quantity=1, price_cents=1), SOLD, orders_read=True)
    assert drift is not None
    assert [finding.cause for finding in drift.findings] == ["missed_webhook", "edited_on_cardtrader"]
    assert drift.cause == "missed_webhook"


@pytest.mark.parametrize(
    ("evidence", "read", "cause"),
    [(SOLD, False, "missed_webhook"), (NO_EVIDENCE, True, "edited_on_cardtrader"), (NO_EVIDENCE, False, "unknown")],
)
def test_a_row_that_only_we_have(evidence: Evidence, read: bool, cause: str) -> None:
    drift = missing(OURS, evidence, orders_read=read)
    assert (drift.kind, drift.product_id, drift.cause) == ("missing", 42, cause)
    assert drift.findings[0].old == {"quantity": 3, "price_cents": 100}
    assert drift.findings[0].new is None


def test_a_row_that_only_cardtrader_has() -> None:
    drift = extra(OURS)
    assert (drift.kind, drift.cause) == ("extra", "edited_on_cardtrader")
    assert drift.findings == (Finding("", None, {"quantity": 3, "price_cents": 100}, "edited_on_cardtrader"),)


@pytest.mark.parametrize(
    ("had", "now", "kind", "old", "new"),
    [
        (3, Remains(2, listed=True), "corrected", 3, 2),
        (3, Remains(9, listed=True), "corrected", 3, 9),
        (1, Remains(0, listed=False), "missing", {"quantity": 1}, None),
    ],
)
def test_what_a_sale_changed_is_told_by_what_remains(
    had: int, now: Remains, kind: str, old: object, new: object
) -> None:
    drift = after_sale(7, 42, had, now)
    assert drift is not None
    assert (drift.kind, drift.cause) == (kind, "missed_webhook")
    assert (drift.findings[0].old, drift.findings[0].new) == (old, new)


@pytest.mark.parametrize(("had", "now"), [(2, Remains(2, listed=True)), (0, Remains())])
def test_a_sale_the_stock_knew_of_is_no_drift(had: int, now: Remains) -> None:
    assert after_sale(7, 42, had, now) is None


def test_a_summary_counts_rows_by_kind_and_by_cause() -> None:
    drifts: list[Drift] = [extra(OURS), missing(OURS, SOLD, orders_read=True), missing(FEWER, SOLD, orders_read=True)]
    counts = tally(drifts)
    assert list(counts) == [("extra", "edited_on_cardtrader"), ("missing", "missed_webhook")]
    assert summarise(counts, equal=5, contested=1, missed_orders=2) == DriftSummary(
        equal=5,
        missing=2,
        extra=1,
        contested=1,
        missed_orders=2,
        causes={"edited_on_cardtrader": 1, "missed_webhook": 2},
    )


scalars = st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=3)
listings = st.builds(
    Listing,
    st.just(1),
    st.just(1),
    st.integers(0, 5),
    st.integers(0, 5),
    st.dictionaries(st.sampled_from("abc"), scalars),
    st.none() | st.text(max_size=2),
    st.none() | st.text(max_size=2),
    st.none() | st.booleans(),
)


@given(listings, listings)
def test_applying_the_findings_to_ours_gives_theirs(ours: Listing, theirs: Listing) -> None:
    plain: dict[str, Any] = {}
    properties = dict(ours.properties)
    for finding in found(ours, theirs):
        if finding.field.startswith("properties."):
            properties[finding.field.removeprefix("properties.")] = finding.new
        else:
            plain[finding.field] = finding.new
    result: Any = replace(ours, properties=properties, **plain)
    assert (result.quantity, result.price_cents, result.graded) == (theirs.quantity, theirs.price_cents, theirs.graded)
    kept = {key: value for key, value in result.properties.items() if value is not None}
    assert kept == {key: value for key, value in theirs.properties.items() if value is not None}
