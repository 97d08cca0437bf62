"""The splitter against `json`: same items for any cut of any array, and nothing that is not one complete array."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.cards import export_json
from domain.cards.export_json import ArraySplitter, ExportRejected

PIECES = ['"', "\\", "{", "}", "[", "]", ",", ":", "},{", " ", "\n", "é", "😀", "a", "0"]
TEXT = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
SCALAR = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
VALUE: st.SearchStrategy[Any] = st.recursive(
    SCALAR | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
PRODUCT = st.fixed_dictionaries({"id": st.integers(1, 2**63 - 1)}, optional={"properties_hash": VALUE, "name": TEXT})
ARRAY = st.lists(PRODUCT | VALUE, max_size=12)
SPELLING = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "separators": st.sampled_from([(",", ":"), (", ", ": "), (" ,\r\n\t", " : ")])},
    optional={"indent": st.integers(0, 2)},
)
CUTS = st.lists(st.integers(0, 400), max_size=20)
BLANKS = st.text(" \t\r\n", max_size=3)


def split(text: bytes, cuts: Sequence[int]) -> list[tuple[int, bytes]]:
    """The items with their offsets, when the text arrives cut at these positions."""
    splitter = ArraySplitter()
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [splitter.feed(text[start:end]) for start, end in pairwise(edges)]
    parts.append(splitter.close())
    for items in parts:
        assert [len(bytes(raw)) for raw in items.raws] == items.lengths.tolist()
        assert json.loads(bytes(items.array).decode(errors="replace")) == [
            json.loads(bytes(raw).decode(errors="replace")) for raw in items.raws
        ]
    return [
        (offset, bytes(raw)) for items in parts for offset, raw in zip(items.offsets.tolist(), items.raws, strict=True)
    ]


def oracle(text: bytes) -> list[Any]:
    """What `json` makes of it, in msgspec's dialect: no NaN, no lone surrogates. Raises ValueError."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    value = json.loads(text.decode(errors="replace"), parse_constant=refuse)
    if not isinstance(value, list):
        raise TypeError
    json.dumps(value, ensure_ascii=False).encode()
    return value


@settings(max_examples=60, deadline=None)
@given(ARRAY, SPELLING, CUTS, BLANKS, BLANKS)
def test_any_cut_gives_the_items_and_their_places(
    array: list[Any], spelling: dict[str, Any], cuts: list[int], before: str, after: str
) -> None:
    text = (before + json.dumps(array, **spelling) + after).encode()
    found = split(text, cuts)
    assert [json.loads(item) for _, item in found] == array
    assert [text[offset : offset + len(item)] for offset, item in found] == [item for _, item in found]
    assert [offset for offset, _ in found] == sorted({offset for offset, _ in found})


@settings(max_examples=60, deadline=None)
@given(ARRAY, SPELLING, CUTS, st.data())
def test_a_truncated_array_is_rejected(
    array: list[Any], spelling: dict[str, Any], cuts: list[int], data: st.DataObject
) -> None:
    text = json.dumps(array, **spelling).encode()
    length = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(ExportRejected):
        split(text[:length], cuts)


@settings(max_examples=60, deadline=None)
@given(ARRAY, SPELLING, CUTS, st.data())
def test_damage_is_rejected_exactly_where_json_rejects_it(
    array: list[Any], spelling: dict[str, Any], cuts: list[int], data: st.DataObject
) -> None:
    text = bytearray(json.dumps(array, **spelling).encode())
    at = data.draw(st.integers(0, len(text)))
    text[at : at + data.draw(st.integers(0, 2))] = data.draw(
        st.sampled_from([b"", b",", b"}", b"]", b'"', b"\\", b"x"])
    )
    try:
        expected = oracle(bytes(text))
    except (ValueError, TypeError):
        with pytest.raises(ExportRejected):
            split(bytes(text), cuts)
    else:
        assert [json.loads(item.decode(errors="replace")) for _, item in split(bytes(text), cuts)] == expected


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), CUTS)
def test_garbage_is_rejected(text: bytes, cuts: list[int]) -> None:
    try:
        expected = oracle(text)
    except (ValueError, TypeError):
        with pytest.raises(ExportRejected):
            split(text, cuts)
    else:
        assert len(split(text, cuts)) == len(expected)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"  ",
        b"null",
        b'{"error":"x"}',
        b"<html>busy</html>",
        b"[",
        b"]",
        b'[{"id":1}',
        b'[{"id":1},',
        b'[{"id":1},]',
        b'[{"id":1}]]',
        b'[{"id":1}] x',
        b'[{"id":1}]\x0b',
        b'[{"id":1}][{"id":2}]',
        b'[{"id":1}{"id":2}]',
        b'[{"id":1};{"id":2}]',
        b'[,{"id":1}]',
        b"\xef\xbb\xbf[]",
        b'[{"id":1,"name":"\\ud800"}]',
        b"[" * 100_000 + b"]" * 100_000,
        b'[{"id":1},' + b"[" * 100_000 + b"]" * 100_000 + b',{"id":2}]',
    ],
    ids=lambda text: repr(text[:24]),
)
@pytest.mark.parametrize("cuts", [[], range(40)], ids=["whole", "byte by byte"])
def test_what_is_not_one_array_is_rejected(text: bytes, cuts: Sequence[int]) -> None:
    with pytest.raises(ExportRejected):
        split(text, cuts)


def test_items_larger_than_the_bound_are_rejected_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_json, "MOST_ITEM_BYTES", 1000)
    splitter = ArraySplitter()
    splitter.feed(b'[{"id":1},{"name":"' + b"x" * 900)
    with pytest.raises(ExportRejected, match="larger than"):
        splitter.feed(b"x" * 100)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.lists(st.fixed_dictionaries({"name": TEXT}), min_size=30, max_size=40), min_size=3), SPELLING)
def test_items_with_many_objects_inside_are_cut_once_the_bound_is_reached(
    array: list[Any], spelling: dict[str, Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_json, "MOST_ITEM_BYTES", 2 * max(len(json.dumps(item, **spelling)) for item in array))
        text = json.dumps(array, **spelling).encode()
        assert [json.loads(item) for _, item in split(text, range(0, len(text), 97))] == array


@pytest.mark.parametrize("spelling", [{"indent": 2}, {"separators": (" , ", ":")}, {}])
def test_an_export_with_white_space_is_cut_as_it_comes(spelling: dict[str, Any]) -> None:
    text = json.dumps([{"id": number, "properties_hash": {"a": []}} for number in range(100)], **spelling).encode()
    splitter = ArraySplitter()
    assert len(splitter.feed(text[:-20]).raws) > 90
