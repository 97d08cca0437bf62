"""Rows between the source, the staging table and the stages: nothing is lost, whatever their bytes are."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from activities.bridge import payloads
from activities.bridge.recalling import STAGES, Arrived, Recalled, may_recall, recall
from activities.bridge.storable import storable, storable_json
from clients.apismith import SourceUnusable
from domain.pipeline.columns import Kind, from_rows
from domain.pipeline.config import Entity, FieldMapping, OracleType, Source, SourceField, UniqueInBatch
from domain.pipeline.definition import Definition
from domain.pipeline.key_sets import unpacked
from domain.pipeline.page import prepare
from domain.pipeline.payload import delivered, json_rows

TEXTS = st.text(st.characters() | st.just("\ud800"), max_size=5)
ROWS = st.lists(st.dictionaries(TEXTS, TEXTS | st.integers() | st.none() | st.lists(TEXTS, max_size=2), max_size=3))
KEY = b"key of sixteen b"
PLAIN = Definition(
    entity=Entity(name="items", key=("no",)), source=Source(name="erp"), connector="items", target="items"
)


@given(ROWS)
def test_rows_come_back_as_they_were(rows: list[dict[str, object]]) -> None:
    """Also where a text holds half a surrogate, which msgspec refuses."""
    raws = [json.dumps(row).encode() for row in rows]
    packed = payloads.unpack(payloads.pack(payloads.join(raws)))
    assert list(map(bytes, payloads.split(packed))) == raws
    assert payloads.decode(packed) == rows


def test_numbers_keep_every_digit() -> None:
    [row] = payloads.decode(b'[{"a":0.10000000000000000555,"b":90071992547409931,"c":"\\ud800"}]')
    assert (row["a"], row["b"]) == (Decimal("0.10000000000000000555"), 90071992547409931)
    assert payloads.value(msgspec.Raw(b'{"a":1.5,"c":"\\ud800"}'), "a") == Decimal("1.5")
    assert payloads.value(msgspec.Raw(b'{"a":1}'), "b") is None


@pytest.mark.parametrize("rows", [b"[1]", b"{}", b"[{]", b'["\\ud800"]', b"\xff"])
def test_what_is_no_list_of_objects_is_the_sources_fault(rows: bytes) -> None:
    with pytest.raises(SourceUnusable):
        payloads.decode(rows)


@given(st.text(st.sampled_from("a\\u0\x00")) | st.text())
def test_texts_can_be_kept_and_read(text: str) -> None:
    """No NUL is left, in whatever company of backslashes; everything else is as it was."""
    told = json.loads(storable_json(json.dumps([text])))
    assert told == [text.replace("\x00", "\\u0000")]
    assert "\x00" not in storable(text)


def test_rows_are_recognised_by_their_bytes_and_their_configuration() -> None:
    rows = [msgspec.Raw(b'{"no":1}'), msgspec.Raw(b'{"no":2}')]
    arrived = Arrived.of(rows, PLAIN)
    assert arrived.hashes == Arrived.of(rows, PLAIN).hashes
    other = msgspec.structs.replace(PLAIN, entity=Entity(name="items", key=("no",), infer=True))
    assert set(unpacked(arrived.hashes)).isdisjoint(unpacked(Arrived.of(rows, other).hashes))
    assert recall(arrived, unpacked(arrived.hashes)[1] + KEY) == Recalled(KEY, [0])
    assert recall(arrived, b"") == Recalled(b"", [0, 1])


def test_a_row_that_came_twice_is_for_the_stages() -> None:
    arrived = Arrived.of([msgspec.Raw(b'{"no":1}')] * 2, PLAIN)
    assert recall(arrived, unpacked(arrived.hashes)[0] + KEY) == Recalled(b"", range(2))


def test_where_values_are_unique_every_row_is_read() -> None:
    mapping = FieldMapping(source="ean", target="ean", rules=(UniqueInBatch(),))
    entity = Entity(name="items", key=("no",), mappings=(mapping,))
    assert may_recall(PLAIN)
    assert not may_recall(msgspec.structs.replace(PLAIN, entity=entity))


def test_who_changes_the_stages_says_so() -> None:
    """Rows known by their bytes are read again only when `STAGES` changes: new digests here need a new one there."""
    types: dict[str, OracleType] = {"text": "VARCHAR2", "number": "NUMBER", "day": "DATE", "at": "TIMESTAMP"}
    mapping = FieldMapping(source="text", target="title", transformation="title_case")
    fields = tuple(SourceField(name=name, type=kind) for name, kind in types.items())
    entity = Entity(name="items", key=("no",), fields=fields, mappings=(mapping,))
    row = b'{"no":1,"text":" a \\t b","number":"(1,234.50)","day":"2025-12-08","at":"2025-12-08 1:02:03","more":[1.50]}'
    page = prepare(from_rows(payloads.decode(b"[%b]" % row)), entity, PLAIN.source)
    digest = blake3(json_rows(delivered(page.mapped, page.rows, entity))[0].encode()).hexdigest()[:16]
    assert (STAGES, digest) == (b"1", "32c7cdca228ca894")


@given(ROWS)
def test_rows_become_the_same_columns_with_and_without_dictionaries(rows: list[dict[str, object]]) -> None:
    """Also fields that only some rows have, of any name."""
    raws = [msgspec.Raw(json.dumps(row).encode()) for row in rows]
    direct, through = payloads.table(raws), from_rows(payloads.decode(payloads.join(raws)))
    assert (direct.height, list(direct.columns)) == (through.height, list(through.columns))
    assert all(direct[name].equals(through[name]) for name in through.columns)


def test_a_field_that_comes_twice_counts_as_its_last() -> None:
    twice = payloads.table([msgspec.Raw(b'{"a":1,"b":1.50,"a":2}'), msgspec.Raw(b'{"b":null}')])
    assert [twice[name]["text"].to_list() for name in twice.columns] == [["2", None], ["1.50", None]]
    assert twice["a"]["kind"].to_list() == [Kind.NUMBER, Kind.ABSENT]
    with pytest.raises(SourceUnusable):
        payloads.table([msgspec.Raw(b"[1]")])
