"""A page through stages 2 to 6: each failure in its stage, counts that add up, and nothing depends on the cut."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import from_rows
from domain.pipeline.config import Entity, FieldMapping, Min, Rowversion, Source, SourceField, UniqueInBatch
from domain.pipeline.delta import STORED
from domain.pipeline.failures import SENTENCES, RowFailure
from domain.pipeline.page import Outcome, prepare, run_page

ERP = Source(name="erp")
ITEMS = Entity(
    name="items",
    key=("number",),
    fields=(SourceField(name="qty", type="NUMBER"), SourceField(name="made", type="DATE")),
    mappings=(
        FieldMapping(source="no", target="number", required=True, rules=(UniqueInBatch(),)),
        FieldMapping(source="qty", target="quantity", default=0, rules=(Min(value=Decimal(0)),)),
        FieldMapping(source="made", target="made", default="soon"),
    ),
    rowversion=Rowversion(kind="integer"),
)


def row(no: object, **fields: object) -> dict[str, object]:
    return {"no": no, "qty": 1, "made": "2025-12-08", "rowversion": 1, **fields}


ROWS = [
    row("a"),
    row("b", qty="many"),
    row(None),
    row("d", qty=-1),
    row("e", made=None),
    row("f", rowversion="x"),
    row("a"),
    row("h", qty="many", rowversion="x"),
    row("i", qty=None),
]


def run(rows: list[dict[str, object]]) -> Outcome:
    return run_page(from_rows(rows), ITEMS, ERP, lambda keys: pl.DataFrame(schema=STORED).head(len(keys)))


def test_each_row_fails_once_in_the_stage_that_refused_it() -> None:
    assert run(ROWS).page.failures == (
        RowFailure(1, "normalize", "NOT_A_NUMBER", "qty"),
        RowFailure(2, "validate", "REQUIRED", "no"),
        RowFailure(3, "validate", "BELOW_MINIMUM", "qty"),
        RowFailure(4, "map", "DEFAULT_UNUSABLE", "made"),
        RowFailure(5, "identity", "ROWVERSION_UNREADABLE", "rowversion"),
        RowFailure(6, "validate", "REPEATED", "no"),
        RowFailure(7, "normalize", "NOT_A_NUMBER", "qty"),
    )


def test_metrics_add_up_by_stage_and_by_fate() -> None:
    metrics = run(ROWS).metrics()
    assert metrics.conserved
    passed = (metrics.rows_normalized, metrics.rows_validated, metrics.rows_mapped, metrics.rows_identified)
    assert (metrics.rows_fetched, *passed) == (9, 7, 4, 3, 2)
    assert (metrics.rows_inserted, metrics.rows_failed) == (2, 7)


def test_rows_that_wait_are_pending_and_not_inserted() -> None:
    waiting = pl.Series([True] * 9)
    metrics = run(ROWS).metrics(waiting)
    assert (metrics.rows_inserted, metrics.rows_pending, metrics.rows_failed) == (0, 2, 7)
    assert metrics.conserved


def test_failed_rows_are_met_all_the_same() -> None:
    page = prepare(from_rows(ROWS), ITEMS, ERP)
    assert page.keys.len() == 7
    assert page.rows.key.null_count() == 1
    assert page.failed.sum() == 7


def test_unique_values_are_handed_on() -> None:
    first = prepare(from_rows([row("a")]), ITEMS, ERP)
    second = prepare(from_rows([row("a"), row("b")]), ITEMS, ERP, first.unique)
    assert [failure.code for failure in second.failures] == ["REPEATED"]


def test_an_empty_page() -> None:
    outcome = run([])
    assert outcome.metrics().conserved
    assert outcome.page.failures == ()


def test_a_page_in_which_all_is_well() -> None:
    outcome = run([row("a"), row("b", qty="1,000")])
    assert outcome.decisions.to_list() == ["insert", "insert"]
    assert outcome.page.mapped["quantity"]["text"].to_list() == ["1", "1000"]


@pytest.mark.parametrize("code", SENTENCES)
def test_every_code_has_a_sentence_that_names_the_field(code: str) -> None:
    sentence = RowFailure(0, "map", code, "the field").sentence
    assert '"the field"' in sentence
    assert sentence.endswith(".")


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.none(), max_size=1)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.dictionaries(st.sampled_from(["no", "qty", "made", "rowversion", "x"]), VALUES), max_size=5))
def test_whatever_comes_every_row_is_accounted_for(rows: list[dict[str, object]]) -> None:
    metrics = run(rows).metrics()
    assert metrics.rows_fetched == len(rows)
    assert metrics.conserved
