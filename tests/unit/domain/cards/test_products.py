"""Products: one poisoned row harms no other, reasons name no value, normalising is idempotent and cuts nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cards.export_json import ArraySplitter, ExportRejected, Items
from domain.cards.mapping import PRINT_TABLES, MappingStatus
from domain.cards.products import (
    BadProduct,
    Product,
    keys_of,
    normalise_graded,
    normalise_properties,
    read_keys,
    read_products,
)
from domain.cards.rows import STATUS_NAMES, properties_json, stock_row
from domain.cards.vocabulary import CONDITIONS

GOOD = {"id": 1, "blueprint_id": 2, "quantity": 3, "price_cents": 4}
SECRET = "hunter2"
INT4 = 2**31 - 1

KEYS = st.sampled_from(
    [
        "condition",
        "mtg_condition",
        "mtg_language",
        "signed",
        "altered",
        "first_edition",
        "mtg_foil",
        "pkmn_reverse",
        "x",
    ]
)
WORDS = st.sampled_from(
    [
        *CONDITIONS,
        " near mint ",
        "NM",
        "lightly played",
        "TRUE",
        " yes",
        "off",
        "0",
        "1",
        "zh-CN",
        " zh-TW ",
        "Cold Foil",
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def row(**fields: object) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


def read(*rows: bytes) -> list[Product | BadProduct]:
    return read_products(b"[" + b",".join(rows) + b"]", range(len(rows)))


POISON = {
    "quantity negative": (row(quantity=-1), "$.quantity"),
    "quantity beyond int4": (row(quantity=INT4 + 1), "$.quantity"),
    "quantity huge": (row(quantity=10**30), "$.quantity"),
    "quantity text": (row(quantity=SECRET), "$.quantity"),
    "quantity fraction": (row(quantity=1.5), "$.quantity"),
    "quantity bool": (row(quantity=True), "$.quantity"),
    "quantity null": (row(quantity=None), "$.quantity"),
    "quantity missing": (b'{"id":1,"blueprint_id":2,"price_cents":4}', "quantity"),
    "price negative": (row(price_cents=-1), "$.price_cents"),
    "price beyond int4": (row(price_cents=INT4 + 1), "$.price_cents"),
    "blueprint missing": (b'{"id":1,"quantity":2,"price_cents":4}', "blueprint_id"),
    "blueprint zero": (row(blueprint_id=0), "$.blueprint_id"),
    "blueprint at the open end of key ranges": (row(blueprint_id=INT4), "$.blueprint_id"),
    "properties text": (row(properties_hash=SECRET), "$.properties_hash"),
    "properties array": (row(properties_hash=[SECRET]), "$.properties_hash"),
    "properties null": (row(properties_hash=None), "$.properties_hash"),
    "property beyond a double": (
        b'{"id":1,"blueprint_id":2,"quantity":3,"price_cents":4,"properties_hash":{"hunter2":1e999}}',
        "$.properties_hash",
    ),
    "property with too many digits": (row(properties_hash={SECRET: "#"}).replace(b'"#"', b"9" * 5000), "properties"),
    "description object": (row(description={SECRET: SECRET}), "$.description"),
    "description with NUL": (row(description=f"{SECRET}\0"), "NUL"),
    "property with NUL": (row(properties_hash={SECRET: "\0"}), "NUL"),
    "property name with NUL": (row(properties_hash={"\0": SECRET}), "NUL"),
    "escaped backslash, then NUL": (row(description=f"{SECRET}\\\0"), "NUL"),
    "graded array": (row(graded=[SECRET]), "$.graded"),
    "not UTF-8": (row(description=SECRET).replace(b"hunter2", b"hunter2\xff"), "UTF-8"),
}


@pytest.mark.parametrize(("raw", "named"), POISON.values(), ids=POISON.keys())
def test_a_poisoned_row_is_told_apart_and_its_reason_names_the_field_but_no_value(raw: bytes, named: str) -> None:
    before, bad, after = read(row(id=10), raw, row(id=12))
    assert isinstance(before, Product)
    assert isinstance(after, Product)
    assert (before.id, after.id) == (10, 12)
    assert isinstance(bad, BadProduct)
    assert (bad.product_id, bad.raw) == (1, raw)
    assert named in str(bad)
    assert SECRET not in str(bad)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*(raw for raw, _ in POISON.values()), *(row(id=n) for n in range(2, 9))]), max_size=9))
def test_rows_are_judged_one_by_one(rows: list[bytes]) -> None:
    alone = [read(raw)[0] for raw in rows]
    together = read(*rows)
    assert [str(product) for product in together] == [str(product) for product in alone]


def test_only_the_wanted_positions_are_read_in_their_order() -> None:
    array = b"[" + b",".join([row(id=10), row(id=11, quantity=-1), row(id=12)]) + b"]"
    first, second = read_products(array, [2, 0])
    assert (first, second) == (read(row(id=12))[0], read(row(id=10))[0])
    assert read_products(array, []) == []


def test_unknown_fields_and_values_are_kept_or_passed_over() -> None:
    [product] = read(row(properties_hash={"new": {"deep": [1, None]}, "mtg_language": "xx-YY"}, surprise=[1]))
    assert isinstance(product, Product)
    assert product.properties_hash == {"new": {"deep": [1, None]}, "mtg_language": "xx-YY"}


def test_a_written_backslash_u0000_is_no_nul() -> None:
    products = read(row(description="a\\u0000b"), row(id=2))
    assert [product.description for product in products if isinstance(product, Product)] == ["a\\u0000b", None]


def test_numbers_beyond_64_bits_survive_in_properties() -> None:
    [product] = read(row(properties_hash={"a": 10**40, "b": -(10**40), "c": 1e308}))
    assert isinstance(product, Product)
    assert json.loads(properties_json(product)) == {"a": 10**40, "b": -(10**40), "c": 1e308}


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(KEYS | st.text(), JSON))
def test_normalising_never_raises_and_is_idempotent(properties: dict[str, Any]) -> None:
    given_keys = list(properties)
    once = normalise_properties(dict(properties))
    assert list(once) == given_keys
    assert json.dumps(normalise_properties(dict(once))) == json.dumps(once)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text().filter(lambda key: not key.endswith(("condition", "foil"))), JSON))
def test_nothing_but_white_space_around_a_language_is_ever_cut(properties: dict[str, Any]) -> None:
    languages = {f"{key}_language": value for key, value in properties.items()}
    assert normalise_properties(dict(languages)) == {
        key: value.strip() if isinstance(value, str) else value for key, value in languages.items()
    }


@pytest.mark.parametrize("code", ["zh-CN", "zh-TW", "pt-BR", "en", "jp", "x" * 50])
def test_codes_are_never_cut(code: str) -> None:
    assert normalise_properties({"mtg_language": code}) == {"mtg_language": code}
    assert normalise_properties({"mtg_language": f" {code} "}) == {"mtg_language": code}


@pytest.mark.parametrize(
    ("given_value", "normal"),
    [
        *((name, name) for name in CONDITIONS),
        *((name.upper(), name) for name in CONDITIONS),
        (" lightly PLAYED", "Slightly Played"),
        ("nm", "Near Mint"),
        ("Sealed ", "Sealed"),
        (None, None),
        (3, 3),
    ],
)
def test_conditions(given_value: object, normal: object) -> None:
    assert normalise_properties({"mtg_condition": given_value}) == {"mtg_condition": normal}


@pytest.mark.parametrize("key", ["signed", "altered", "first_edition", "mtg_foil", "pkmn_reverse", "ygo_first_edition"])
@pytest.mark.parametrize(
    ("given_value", "normal"),
    [
        (True, True),
        (False, False),
        ("TRUE", True),
        (" no ", False),
        (1, True),
        (0, False),
        (7, 7),
        (0.0, 0.0),
        ("Cold Foil ", "Cold Foil"),
        (None, None),
        ([], []),
    ],
)
def test_flags(key: str, given_value: object, normal: object) -> None:
    found = normalise_properties({key: given_value})[key]
    assert (found, type(found)) == (normal, type(normal))


@pytest.mark.parametrize("key", ["collector_number", "language", "foil", "unconditional", "conditions"])
def test_other_properties_stay_as_they_are(key: str) -> None:
    assert normalise_properties({key: " TRUE "}) == {key: " TRUE "}


@pytest.mark.parametrize(
    ("graded", "normal"),
    [
        (None, None),
        (True, True),
        (False, False),
        (0, False),
        (9, True),
        (9.5, True),
        (0.0, False),
        ("", None),
        ("  ", None),
        ("false", False),
        ("No", False),
        ("PSA 10", True),
        ("1", True),
    ],
)
def test_a_grade_is_there_or_not(graded: bool | float | str | None, normal: bool | None) -> None:
    assert normalise_graded(graded) is normal


# --- keys


def hashes(*rows: bytes) -> list[int]:
    """Hashes of the raw rows."""
    splitter = ArraySplitter()
    parts = [splitter.feed(b"[" + b",".join(rows) + b"]"), splitter.close()]
    return [hash_ for items in parts for hash_ in keys_of(items)["hash"].tolist()]


@pytest.mark.parametrize("blueprint", [None, 0, -1, INT4, 2**40, 10**30, "5", 1.0, True, [1]])
def test_a_row_with_an_unusable_blueprint_sorts_first(blueprint: object) -> None:
    keys = read_keys(b"[" + row(id=7, blueprint_id=blueprint) + b"]")
    assert (keys["blueprint"].tolist(), keys["product"].tolist()) == ([0], [7])


@pytest.mark.parametrize("product_id", [0, -1, 2**63, "7", 1.0, None, True])
def test_a_row_without_a_usable_id_refuses_the_export(product_id: object) -> None:
    with pytest.raises(ExportRejected, match="not a product with an id"):
        read_keys(b"[" + row(id=product_id) + b"]")


@pytest.mark.parametrize("item", [b"1", b"null", b"[]", b"{}", b'{"id":1,"blueprint_id":"\xff"}'])
def test_a_row_that_is_no_product_refuses_the_export(item: bytes) -> None:
    with pytest.raises(ExportRejected):
        read_keys(b"[" + item + b"]")


def test_rows_nested_beyond_reason_refuse_the_export() -> None:
    deep = b'{"id":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(ExportRejected):
        keys_of(
            Items([msgspec.Raw(deep)], b"[" + deep + b"]", np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
        )


def test_a_product_listed_twice_refuses_the_export() -> None:
    rows = [row(id=7, blueprint_id=1), row(id=8), row(id=7, blueprint_id=2)]
    with pytest.raises(ExportRejected, match="twice"):
        read_keys(b"[" + b",".join(rows) + b"]")


def test_an_empty_array_has_no_keys() -> None:
    assert len(read_keys(b"[]")) == 0


@given(st.sampled_from(["quantity", "price_cents", "description", "extra"]), st.integers(5, 10**6))
def test_the_hash_changes_with_any_byte_of_a_row_and_with_nothing_else(field: str, value: int) -> None:
    same, again, other = hashes(row(), row(), row(**{field: value}))
    assert same == again
    assert same != other


# --- rows of the stock


@pytest.mark.parametrize("status", range(len(STATUS_NAMES)))
def test_a_stock_row_names_a_print_only_when_mapped(status: int) -> None:
    [product] = read(row(properties_hash={"mtg_condition": "nm"}, graded=1, description="d", user_data_field="u"))
    assert isinstance(product, Product)
    expected = (7, PRINT_TABLES[2]) if status == MappingStatus.MAPPED else (None, None)
    assert stock_row(product, (status, 7, 2), -5) == (
        *(2, 3, 4, '{"mtg_condition":"Near Mint"}', "d", "u", True),
        *(*expected, STATUS_NAMES[status], -5),
    )
