"""A row that is tried again enters where it failed, by what was kept; and before that where today's rules differ."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import Kind, Table, cells, from_rows
from domain.pipeline.config import Entity, FieldMapping, Min, Rowversion, Source, SourceField, UniqueInBatch
from domain.pipeline.kept import (
    Entry,
    KeptRow,
    Resumption,
    entry_of,
    keep,
    made_by,
    rows_of,
    table_of,
    unpack,
)
from domain.pipeline.page import Prepared, prepare

ERP = Source(name="erp")
AMOUNT = FieldMapping(source="qty", target="quantity", rules=(Min(value=Decimal(0)),))
ITEMS = Entity(
    name="items",
    key=("number",),
    fields=(SourceField(name="qty", type="NUMBER"), SourceField(name="made", type="DATE", date_order="dmy")),
    mappings=(FieldMapping(source="no", target="number"), AMOUNT),
    rowversion=Rowversion(kind="integer"),
)
VERSION = b"1"


def with_mapping(mapping: FieldMapping) -> Entity:
    return msgspec.structs.replace(ITEMS, mappings=(*ITEMS.mappings[:1], mapping))


def kept_of(page: Prepared, stages: Sequence[str], entity: Entity = ITEMS) -> list[KeptRow | None]:
    made = made_by(entity, ERP, VERSION)
    both = zip(stages, rows_of(page.normalized), rows_of(page.mapped), strict=True)
    return [unpack(keep(stage, made, normalized, mapped)) for stage, normalized, mapped in both]


def resumed(kept: Sequence[KeptRow | None], rows: list[dict[str, Any]], entity: Entity = ITEMS) -> Prepared:
    again = Resumption(kept, made_by(entity, ERP, VERSION), entity, ERP)
    return again.resume(from_rows([rows[row] for row in again.rows("normalize")]))


@pytest.mark.parametrize(
    ("stage", "entry"),
    [
        ("normalize", None),
        ("validate", "validate"),
        ("map", "map"),
        ("identity", "identity"),
        ("ingest", "identity"),
        ("resolve", "identity"),
    ],
)
def test_a_row_enters_at_the_stage_that_failed(stage: str, entry: Entry | None) -> None:
    [kept] = kept_of(prepare(from_rows([{"no": "a"}]), ITEMS, ERP), [stage])
    assert (kept and kept.entry) == entry
    assert entry_of(kept, made_by(ITEMS, ERP, VERSION), ITEMS) == (entry or "normalize")


def test_what_came_is_not_looked_at_again_behind_the_stage() -> None:
    """The kept rows are told apart from what came by being another."""
    before = [{"no": name, "qty": "7", "made": "24/12/2025", "rowversion": 1} for name in "abcd"]
    kept = kept_of(prepare(from_rows(before), ITEMS, ERP), ["normalize", "validate", "map", "ingest"])
    after = [{"no": "new", "qty": "8", "rowversion": 2} for _ in before]
    page = resumed(kept, after)
    assert [row["number"] for row in rows_of(page.mapped)] == [("new", Kind.TEXT), *((n, Kind.TEXT) for n in "bcd")]
    assert page.failures == ()
    assert rows_of(page.mapped)[3]["made"] == ("2025-12-24", Kind.DATE)


def test_a_stage_that_was_passed_is_not_asked_again_and_the_others_are() -> None:
    """Kept rows that no stage would pass: only those that enter at it, or before, are refused."""
    wrong = {"no": ("x", Kind.TEXT), "qty": ("-1", Kind.NUMBER)}
    made = made_by(ITEMS, ERP, VERSION)
    entries: list[Entry] = ["validate", "map", "identity"]
    page = resumed([KeptRow(entry, made, dict(wrong), {"number": ("k", Kind.TEXT)}) for entry in entries], [{}, {}, {}])
    assert [(failure.row, failure.stage, failure.code) for failure in page.failures] == [
        (0, "validate", "BELOW_MINIMUM")
    ]
    assert [row["number"][0] for row in rows_of(page.mapped)] == ["x", "x", "k"]


def test_another_mapping_is_obeyed_by_rows_that_had_passed_it() -> None:
    rows = [{"no": name, "qty": "7"} for name in "abc"]
    kept = kept_of(prepare(from_rows(rows), ITEMS, ERP), ["validate", "map", "ingest"])
    renamed = with_mapping(FieldMapping(source="qty", target="amount", rules=AMOUNT.rules))
    page = resumed(kept, [{"no": "other"}] * 3, renamed)
    assert [row["amount"] for row in rows_of(page.mapped)] == [("7", Kind.NUMBER)] * 3
    stricter = with_mapping(FieldMapping(source="qty", target="quantity", rules=(Min(value=Decimal(9)),)))
    assert [failure.code for failure in resumed(kept, rows, stricter).failures] == ["BELOW_MINIMUM"] * 3


@pytest.mark.parametrize(
    ("entity", "source", "version"),
    [
        (msgspec.structs.replace(ITEMS, fields=()), ERP, VERSION),
        (msgspec.structs.replace(ITEMS, infer=True), ERP, VERSION),
        (ITEMS, Source(name="erp", null_tokens=("N/A",)), VERSION),
        (ITEMS, ERP, b"2"),
    ],
    ids=["types", "inference", "null tokens", "stages"],
)
def test_another_way_to_read_values_starts_rows_over(entity: Entity, source: Source, version: bytes) -> None:
    [kept] = kept_of(prepare(from_rows([{"no": "a"}]), ITEMS, ERP), ["ingest"])
    assert entry_of(kept, made_by(entity, source, version), entity) == "normalize"


def test_whether_a_value_is_the_first_is_for_the_batch_of_today_to_tell() -> None:
    unique = with_mapping(FieldMapping(source="qty", target="quantity", rules=(UniqueInBatch(),)))
    rows: list[dict[str, Any]] = [{"no": "a", "qty": "7"}, {"no": "b", "qty": "7"}]
    kept = kept_of(prepare(from_rows(rows), unique, ERP), ["ingest", "validate"], unique)
    page = resumed(kept, rows, unique)
    assert [(failure.row, failure.code) for failure in page.failures] == [(1, "REPEATED")]
    assert page.unique.keys() == {"qty"}


def test_failures_are_told_by_their_place_in_the_page() -> None:
    rows: list[dict[str, Any]] = [{"no": "a", "qty": "7"}, {"no": "b", "qty": "many"}, {"no": None, "qty": "1"}]
    spoilt = with_mapping(FieldMapping(source="made", target="made", default="never"))
    kept = kept_of(prepare(from_rows(rows), ITEMS, ERP), ["ingest", "normalize", "map"])
    page = resumed(kept, rows, ITEMS)
    assert [(one.row, one.stage, one.code) for one in page.failures] == [
        (1, "normalize", "NOT_A_NUMBER"),
        (2, "identity", "KEY_MISSING"),
    ]
    kept = kept_of(prepare(from_rows(rows), spoilt, ERP), ["ingest", "normalize", "map"], spoilt)
    assert [(one.row, one.stage) for one in resumed(kept, rows, spoilt).failures] == [(1, "normalize"), (2, "map")]


def test_what_cannot_be_read_is_not_used() -> None:
    assert unpack(None) is None
    assert unpack(b"\xc1") is None
    assert unpack(msgspec.msgpack.encode(["elsewhere", 1])) is None


KINDS = st.sampled_from([kind for kind in Kind if kind is not Kind.ABSENT])
CELLS = st.tuples(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5), KINDS)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from("abc"), CELLS), max_size=6))
def test_rows_and_columns_are_the_same(rows: list[dict[str, tuple[str | None, Kind]]]) -> None:
    assert rows_of(table_of(rows)) == rows
    assert table_of(rows).height == len(rows)


VALUES = st.none() | st.integers() | st.text(max_size=6) | st.booleans() | st.dates().map(str)


ROWS = st.fixed_dictionaries({"no": VALUES, "qty": VALUES}, optional={"made": VALUES, "rest": VALUES})


@settings(max_examples=50, deadline=None)
@given(st.lists(ROWS, max_size=6), st.data())
def test_nothing_changes_where_the_configuration_did_not(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    """Wherever rows enter that could have: the outcome is that of all stages."""
    whole = prepare(from_rows(rows), ITEMS, ERP)
    by_row = {failure.row: failure.stage for failure in whole.failures}
    later = st.sampled_from(["ingest", "resolve"])
    stages = [by_row.get(row) or data.draw(later) for row in range(len(rows))]
    page = resumed(kept_of(whole, stages), rows)
    # Of several failures of a row the first by column stands, and columns are ordered by who came first.
    assert [(one.row, one.stage) for one in page.failures] == [(one.row, one.stage) for one in whole.failures]
    sound = ~whole.failed
    for name in ("key", "data", "rowversion"):
        mine, theirs = getattr(page.rows, name), getattr(whole.rows, name)
        assert mine.filter(sound).to_list() == theirs.filter(sound).to_list()


def test_a_table_without_fields_keeps_its_height() -> None:
    assert rows_of(Table(2, {"a": cells([(None, Kind.ABSENT)] * 2)})) == [{}, {}]
    assert table_of([{}, {}]).height == 2
    assert isinstance(table_of([{}])["a"], pl.DataFrame)
