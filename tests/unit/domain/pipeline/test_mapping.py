"""Mapping: names, defaults before transformations and for absent fields, transformations of texts only."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import Kind, Table, from_rows
from domain.pipeline.config import Entity, FieldMapping, Source, SourceField, Transformation
from domain.pipeline.mapping import Mapped, map_fields
from domain.pipeline.normalize import normalize

ERP = Source(name="erp", null_tokens=("N/A",))


def mapped(rows: list[dict[str, object]], *mappings: FieldMapping, entity: Entity | None = None) -> Mapped:
    entity = entity or Entity(name="items", key=("id",), mappings=mappings)
    return map_fields(normalize(from_rows(rows), entity, ERP).table, entity, ERP)


def cells(table: Table, field: str) -> list[tuple[str | None, Kind]]:
    return [(text, Kind(kind)) for text, kind in table[field].rows()]


def transformed(value: object, transformation: Transformation) -> tuple[str | None, Kind]:
    mapping = FieldMapping(source="f", target="t", transformation=transformation)
    return cells(mapped([{"f": value}], mapping).table, "t")[0]


@pytest.mark.parametrize(
    ("transformation", "text", "told"),
    [
        ("none", "aB c", "aB c"),
        ("uppercase", "aé ß", "AÉ SS"),
        ("lowercase", "AÉ", "aé"),
        ("trim", "a b", "a b"),
        ("title_case", "o'neil mc-donald", "O'Neil Mc-Donald"),
        ("capitalize", "éCOLE nORD", "École nord"),
        ("strip_whitespace", "a b\nc", "abc"),
        ("remove_special_chars", "Caffè-Nr. 5 (東京)!", "Caffè Nr 5 東京".replace(" Nr", "Nr")),
    ],
)
def test_transformations(transformation: Transformation, text: str, told: str) -> None:
    assert transformed(text, transformation) == (told, Kind.TEXT)


def test_what_a_transformation_leaves_nothing_of_is_null() -> None:
    assert transformed("--", "remove_special_chars") == (None, Kind.NULL)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["uppercase", "title_case", "remove_special_chars"]))
def test_only_texts_are_transformed(transformation: Transformation) -> None:
    assert transformed(-1, transformation) == ("-1", Kind.NUMBER)
    assert transformed({"a": "b"}, transformation) == ('{"a":"b"}', Kind.JSON)
    assert transformed(None, transformation) == (None, Kind.NULL)


def test_a_source_field_goes_to_several_targets_and_leaves_its_own_name() -> None:
    table = mapped(
        [{"f": "a", "g": 1}],
        FieldMapping(source="f", target="x"),
        FieldMapping(source="f", target="y", transformation="uppercase"),
    ).table
    assert list(table.columns) == ["g", "x", "y"]
    assert cells(table, "y") == [("A", Kind.TEXT)]


def test_a_mapping_has_precedence_over_a_field_of_the_targets_name() -> None:
    table = mapped([{"f": "mapped", "t": "own"}], FieldMapping(source="f", target="t")).table
    assert cells(table, "t") == [("mapped", Kind.TEXT)]


def test_names_are_swapped() -> None:
    table = mapped([{"a": 1, "b": 2}], FieldMapping(source="a", target="b"), FieldMapping(source="b", target="a")).table
    assert (cells(table, "a"), cells(table, "b")) == ([("2", Kind.NUMBER)], [("1", Kind.NUMBER)])


def test_unmapped_fields_are_left_out_on_demand() -> None:
    entity = Entity(name="i", key=("t",), mappings=(FieldMapping(source="f", target="t"),), pass_unmapped=False)
    assert list(mapped([{"f": 1, "g": 2}], entity=entity).table.columns) == ["t"]


@pytest.mark.parametrize(
    ("default", "told"),
    [("d", ("D", Kind.TEXT)), (0, ("0", Kind.NUMBER)), (False, ("false", Kind.BOOLEAN)), ("", (None, Kind.NULL))],
)
def test_defaults_come_before_the_transformation_and_for_absent_fields(default: str | int, told: object) -> None:
    mapping = FieldMapping(source="f", target="t", default=default, transformation="uppercase")
    table = mapped([{"f": None}, {}, {"f": "n/a"}, {"f": "N/A"}, {"f": 0}], mapping).table
    assert cells(table, "t") == [told, told, ("N/A", Kind.TEXT), told, ("0", Kind.NUMBER)]


def test_a_default_is_read_as_its_field_is_declared() -> None:
    entity = Entity(
        name="items",
        key=("id",),
        fields=(SourceField(name="f", type="NUMBER"), SourceField(name="g", type="DATE")),
        mappings=(
            FieldMapping(source="f", target="f", default="1,000.50"),
            FieldMapping(source="g", target="g", default="soon"),
        ),
    )
    result = mapped([{"f": 1, "g": "2025-01-02"}, {}], entity=entity)
    assert cells(result.table, "f") == [("1", Kind.NUMBER), ("1000.5", Kind.NUMBER)]
    assert [(failure.row, failure.stage, failure.code) for failure in result.failures] == [
        (1, "map", "DEFAULT_UNUSABLE")
    ]


def test_a_broken_cell_is_not_covered_by_a_default() -> None:
    entity = Entity(
        name="items",
        key=("id",),
        fields=(SourceField(name="f", type="NUMBER"),),
        mappings=(FieldMapping(source="f", target="t", default="5"),),
    )
    assert cells(mapped([{"f": "abc"}], entity=entity).table, "t") == [("NOT_A_NUMBER", Kind.BROKEN)]
