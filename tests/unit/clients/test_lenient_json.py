"""Values are found in JSON although a text in it is no Unicode."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.lenient_json import member, objects, text_of

LEAF = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
VALUE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))
ROWS = st.lists(st.dictionaries(st.text(max_size=3), VALUE, max_size=3), max_size=4)


@given(ROWS, st.sampled_from([None, 2]))
def test_every_object_of_an_array_is_found(rows: list[dict[str, Any]], indent: int | None) -> None:
    assert [json.loads(found) for found in objects(json.dumps(rows, indent=indent))] == rows


@given(st.dictionaries(st.text(max_size=3), VALUE, max_size=4), st.text(max_size=3))
def test_a_member_is_found_where_it_stands(value: dict[str, Any], name: str) -> None:
    text = json.dumps(value)
    found = member(text, name)
    assert (found is not None) is (name in value)
    if found is not None:
        assert json.loads(text[found]) == value[name]


def test_what_is_no_unicode_stays_as_it_came() -> None:
    rows = [b'{"a":"\\ud800"}', b'{"b":"\xff"}', b"{}"]
    assert list(objects(text_of(b"[" + b", ".join(rows) + b"]"))) == rows


@pytest.mark.parametrize("text", ["", "{}", "[1]", "[{}", '[{"a":}]', "[{}]x"])
def test_what_is_no_array_of_objects_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is part of what was read
        list(objects(text))
