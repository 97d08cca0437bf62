"""Identity: the predecessor's hashes under v1; under v2 no two different rows share a text to hash."""

from __future__ import annotations

import re
from decimal import Decimal

import polars as pl
import pytest
from blake3 import blake3
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.pipeline import hash_v2
from domain.pipeline.columns import Kind, cells, from_rows
from domain.pipeline.columns import Table as Columns
from domain.pipeline.config import Entity, HashScheme, Parent, Rowversion, Source
from domain.pipeline.hash_v1 import data_texts, key_texts
from domain.pipeline.identity import Identified, identify, keys
from domain.pipeline.normalize import normalize

ERP = Source(name="erp")
ITEM = {"item_number": "PART-12345", "site_code": "SITE-A"}


def identified(row: dict[str, object], scheme: HashScheme = "v2", **options: object) -> Identified:
    entity = Entity(name="items", key=("k",), hash_scheme=scheme, **options)  # type: ignore[arg-type]
    return identify(from_rows([{"k": 1, **row}]), entity, ERP)


def data(row: dict[str, object], scheme: HashScheme = "v2", **options: object) -> bytes:
    value: bytes = identified(row, scheme, **options).data[0]
    return value


@pytest.mark.parametrize(
    ("entity", "fields", "digest"),
    [
        ("inventory_items", ["item_number"], "4738f9469dfb823dc818f7892fda6d0d"),
        ("inventory_items", ["item_number", "site_code"], "2f1dce5ea6def180c8db94a66b4238ca"),
        ("inventory_items", ["site_code", "item_number"], "2f1dce5ea6def180c8db94a66b4238ca"),
    ],
)
def test_the_predecessors_key_vectors(entity: str, fields: list[str], digest: str) -> None:
    config = Entity(name=entity, key=tuple(fields), hash_scheme="v1")
    assert identify(from_rows([ITEM]), config, ERP).key.bin.encode("hex").to_list() == [digest]


def test_the_predecessors_parent_vector() -> None:
    parent = Parent(ref="site", entity="sites", fields={"site_id": "site"})
    rows = identified({"site": "S1"}, "v1", parents=(parent,))
    assert rows.parents["site"].bin.encode("hex").to_list() == ["4c6e32094c1d35342bc9b5e5448020a4"]


def test_the_predecessors_data_vectors() -> None:
    row = {"item_number": "PART-12345", "description": "Widget", "price": Decimal("10.5"), "id": 1, "note": None}
    config = Entity(name="items", key=("item_number",), hash_scheme="v1")
    digest = identify(from_rows([row]), config, ERP).data[0].hex()
    assert digest == "8fd4e8ce4dc43b2f89e64cc7a03a469c74ca3fed3165e54309cd79dceb41e58b"
    empty = identify(from_rows([{"id": 1, "uid": 2}]), config, ERP).data[0].hex()
    assert empty == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"


@pytest.mark.parametrize(
    ("value", "in_key", "in_data"),
    [
        (1, "1", "1"),
        ("1", "1", "1"),
        (True, "True", "True"),
        (Decimal("0.1234567"), "0.1234567", "0.123457"),
        (Decimal("0.0000001"), "1e-07", "0"),
        ({"b": 1, "a": 2}, '{"a":2,"b":1}', '{"a":2,"b":1}'),
    ],
)
def test_values_under_v1(value: object, in_key: str, in_data: str) -> None:
    table = normalize(from_rows([{"f": value}]), Entity(name="e", key=("f",)), ERP).table
    assert list(key_texts(table, {"f": "f"}, "e")) == [f"e|f={in_key}"]
    assert list(data_texts(table)) == [f"f={in_data}"]


def test_v1_keeps_what_was_wrong_with_it() -> None:
    assert data({"a": "1|b=2"}, "v1") == data({"a": "1", "b": "2"}, "v1")
    assert data({"a": None}, "v1") == data({}, "v1")
    assert data({"rowversion": "1"}, "v1") != data({"rowversion": "2"}, "v1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "1|b=2"}, {"a": "1", "b": "2"}),
        ({"a": None}, {}),
        ({"a": None}, {"a": ""}),
        ({"a": "n"}, {"a": None}),
        ({"a": 1}, {"a": "1"}),
        ({"a": True}, {"a": "true"}),
        ({"a": [1]}, {"a": "[1]"}),
        ({"a": "1s1:2"}, {"a": "1", "1": "2"}),
        ({"id": 1}, {"id": 2}),
    ],
)
def test_v2_tells_apart_what_v1_does_not_or_might_not(one: dict[str, object], other: dict[str, object]) -> None:
    assert data(one) != data(other)


def test_v2_does_not_look_at_order_nor_bookkeeping() -> None:
    assert data({"a": 1, "b": 2}) == data({"b": 2, "a": 1})
    assert data({"rowversion": 1, "updated_at": "x", "erp_data_hash": "y"}) == data({})
    assert data({"changed": 1}, bookkeeping=("changed",)) == data({"changed": 2}, bookkeeping=("changed",))
    assert data({"v": 1}, rowversion=Rowversion(field="v")) == data({}, rowversion=Rowversion(field="v"))


# Names and texts out of the very characters that the canonical text is made of.
HOSTILE = st.text(st.sampled_from("0123:nsbdDTj|=>v2é"), max_size=6)
VALUED = st.sampled_from([Kind.BOOLEAN, Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME, Kind.JSON])
CELL = st.tuples(HOSTILE, VALUED) | st.just((None, Kind.NULL))
ROW = st.dictionaries(HOSTILE, CELL, max_size=4)


def canonical(row: dict[str, tuple[str | None, Kind]]) -> str:
    table = Columns(1, {name: cells([cell]) for name, cell in row.items()})
    text: str = hash_v2.canonical(table, {name: name for name in row}, "v2")[0]
    return text


@settings(deadline=None, max_examples=60)
@given(ROW, ROW)
@example({"a": ("", Kind.TEXT)}, {"a": (None, Kind.NULL)})
@example({"a": ("1s1:b", Kind.TEXT)}, {"a": ("1", Kind.TEXT), "b": ("", Kind.TEXT)})
def test_v2_texts_collide_for_equal_rows_only(
    one: dict[str, tuple[str | None, Kind]], other: dict[str, tuple[str | None, Kind]]
) -> None:
    assert (canonical(one) == canonical(other)) == (one == other)


TAGS = {"b": Kind.BOOLEAN, "d": Kind.NUMBER, "s": Kind.TEXT, "D": Kind.DATE, "T": Kind.DATETIME, "j": Kind.JSON}


def read_back(text: bytes) -> dict[str, tuple[str | None, Kind]]:
    """The inverse of the canonical text: that there is one proves that no two rows share a text."""
    row: dict[str, tuple[str | None, Kind]] = {}

    def taken() -> str:
        nonlocal text
        length, _, rest = text.partition(b":")
        text = rest[int(length) :]
        return rest[: int(length)].decode()

    while text:
        name, tag, text = taken(), text[:1].decode(), text[1:]
        row[name] = (None, Kind.NULL) if tag == "n" else (taken(), TAGS[tag])
    return row


@settings(deadline=None, max_examples=60)
@given(ROW)
def test_v2_texts_can_be_read_back(row: dict[str, tuple[str | None, Kind]]) -> None:
    assert read_back(canonical(row).removeprefix("v2").encode()) == row


def test_cells_of_several_kinds_in_one_column() -> None:
    table = from_rows([{"a": 1}, {"a": "é"}, {"a": None}, {}, {"a": object()}])
    texts = hash_v2.canonical(table, {"a": "a"}, ">").to_list()
    assert texts == [">1:ad1:1", ">1:as2:é", ">1:an", ">", ">"]


def test_keys_are_of_their_entity_and_source() -> None:
    table = from_rows([{"k": "1"}])
    entity = Entity(name="items", key=("k",))
    one = keys(table, {"k": "k"}, "items", entity, ERP)[0]
    assert len(one) == 16
    assert one != keys(table, {"k": "k"}, "orders", entity, ERP)[0]
    assert one != keys(table, {"k": "k"}, "items", entity, Source(name="other"))[0]


def test_a_child_finds_the_key_of_its_parent() -> None:
    site = identify(from_rows([{"code": "S1", "name": "x"}]), Entity(name="sites", key=("code",)), ERP)
    parent = Parent(ref="site", entity="sites", fields={"code": "site"})
    item = identified({"site": "S1"}, parents=(parent,))
    assert item.parents["site"][0] == site.key[0]
    assert identified({"site": None}, parents=(parent,)).parents["site"][0] is None


def test_a_reference_that_is_configured_differently_is_a_change() -> None:
    row: dict[str, object] = {"site": "S1"}
    other = Parent(ref="site", entity="places", fields={"code": "site"})
    assert data(row) != data(row, parents=(Parent(ref="site", entity="sites", fields={"code": "site"}),))
    assert data(row, parents=(other,)) == data(row, parents=(other,))
    assert data({"site": None}, parents=(other,)) != data({"site": None})


@pytest.mark.parametrize("scheme", ["v1", "v2"])
@pytest.mark.parametrize("row", [{}, {"k": None}, {"k": object()}])
def test_a_row_without_its_key(row: dict[str, object], scheme: HashScheme) -> None:
    rows = identify(from_rows([row, {"k": 1}]), Entity(name="items", key=("k",), hash_scheme=scheme), ERP)
    assert rows.key.is_null().to_list() == [True, False]
    assert [(failure.row, failure.stage, failure.code) for failure in rows.failures] == [(0, "identity", "KEY_MISSING")]


def test_a_rowversion_of_another_kind() -> None:
    config = Rowversion(field="v", kind="integer")
    table = from_rows([{"k": 1, "v": " 12 "}, {"k": 2, "v": "0x1"}, {"k": 3, "v": None}])
    rows = identify(table, Entity(name="items", key=("k",), rowversion=config), ERP)
    assert rows.rowversion.to_list() == ["12", "0x1", None]
    assert rows.order.to_list() == [12, None, None]
    assert [(failure.row, failure.code) for failure in rows.failures] == [(1, "ROWVERSION_UNREADABLE")]


def test_hashes_are_what_they_are_said_to_be() -> None:
    rows = identified({"a": "x"})
    assert rows.data[0] == blake3(b"v21:as1:x1:kd1:1").digest()
    assert re.fullmatch("[0-9a-f]{64}", rows.data[0].hex())
    assert rows.key.dtype == pl.Binary


def test_hashes_stay_the_same_over_releases() -> None:
    rows = identified({"a": "é", "n": Decimal("1.5"), "z": None})
    assert rows.key[0].hex() == "75fc30d749e28b850eea1b08cdda0478"
    assert rows.data[0].hex() == "58b879536e45262469559cc0bee1164ca14bde69fe25b2561001dccc479e02c9"
