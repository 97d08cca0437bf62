"""Payloads: rows are JSON again, with nothing lost, and with the identity that ScheduleHub keeps."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import Table, from_rows
from domain.pipeline.config import Entity, Parent, Rowversion, Source
from domain.pipeline.identity import identify
from domain.pipeline.normalize import normalize
from domain.pipeline.payload import delivered, json_rows, payloads

ERP = Source(name="erp")


def test_a_row_as_json() -> None:
    row = {"text": 'a "b"\\ \n', "n": Decimal("1.5"), "big": 10**30, "yes": True, "none": None, "json": {"a": [1]}}
    texts = json_rows(normalize(from_rows([row, {"n": 1}]), Entity(name="e", key=("n",)), ERP).table).to_list()
    assert (
        texts[0] == '{"text":"a \\"b\\"\\\\","n":1.5,"big":1' + "0" * 30 + ',"yes":true,"none":null,"json":{"a":[1]}}'
    )
    assert texts[1] == '{"n":1}'


def test_a_broken_cell_is_null_and_no_fields_are_no_members() -> None:
    assert json_rows(from_rows([{"a": object()}, {}])).to_list() == ['{"a":null}', "{}"]
    assert json_rows(Table(2, {})).to_list() == ["{}", "{}"]


NAMES = st.text(max_size=4)
VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=2)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=3))
def test_what_goes_in_comes_out(rows: list[dict[str, object]]) -> None:
    assert [json.loads(text) for text in json_rows(from_rows(rows))] == rows


def test_a_delivered_row_says_who_it_is() -> None:
    entity = Entity(
        name="items",
        key=("number", "site"),
        rowversion=Rowversion(field="v"),
        parents=(
            Parent(ref="site", entity="sites", fields={"code": "site"}),
            Parent(ref="owner", entity="people", fields={"id": "owner"}),
        ),
    )
    table = from_rows([{"number": 7, "site": "S1", "v": "12"}, {"number": 8, "site": None, "owner": 1}])
    rows = identify(table, entity, ERP)
    one, other = (msgspec.json.decode(text) for text in json_rows(delivered(table, rows, entity)))
    [only] = payloads(table, rows, entity, pl.Series([False, True]))
    assert msgspec.json.decode(only) == other
    assert one["erp_key_hash"] == rows.key[0].hex()
    assert one["erp_data_hash"] == rows.data[0].hex()
    assert one["erp_rowversion"] == "12"
    assert one["erp_ref_str"] == "number=7|site=S1"
    assert one["parent_refs"] == {"site": rows.parents["site"][0].hex(), "owner": None}
    assert (other["erp_key_hash"], other["erp_rowversion"], other["erp_ref_str"]) == (None, None, "number=8|site=")


def test_without_parents_there_are_no_references() -> None:
    entity, table = Entity(name="items", key=("k",)), from_rows([{"k": 1}])
    assert "parent_refs" not in delivered(table, identify(table, entity, ERP), entity).columns
