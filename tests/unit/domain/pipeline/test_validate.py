"""Rules: what each refuses and lets pass, exactly where doubles are not, and over the pages of a batch."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.pipeline.columns import from_rows
from domain.pipeline.config import (
    Entity,
    FieldMapping,
    In,
    Length,
    Max,
    Min,
    NotEmpty,
    Regex,
    Rule,
    Source,
    SourceField,
    UniqueInBatch,
)
from domain.pipeline.normalize import normalize
from domain.pipeline.validate import Digests, Validated, validate

ABSENT = object()
UNIQUE = FieldMapping(source="f", target="t", rules=(UniqueInBatch(),))


def validated(values: list[object], mapping: FieldMapping, taken: dict[str, Digests] | None = None) -> Validated:
    rows = [{} if value is ABSENT else {"f": value} for value in values]
    entity = Entity(name="items", key=("f",), mappings=(mapping,))
    return validate(normalize(from_rows(rows), entity, Source(name="erp")).table, entity, taken)


def refused(values: list[object], *rules: Rule, required: bool = False, default: str | None = None) -> list[int]:
    mapping = FieldMapping(source="f", target="t", rules=rules, required=required, default=default)
    failures = validated(values, mapping).failures
    assert {failure.stage for failure in failures} <= {"validate"}
    assert all('"f"' in failure.sentence for failure in failures)
    return [failure.row for failure in failures]


def test_required_is_refused_without_a_default() -> None:
    values: list[object] = [None, ABSENT, "", "x", 0, False]
    assert refused(values, required=True) == [0, 1, 2]
    assert refused(values, required=True, default="d") == []


def test_not_empty() -> None:
    values: list[object] = [None, ABSENT, [], {}, "[]", 0, "x", [0]]
    assert refused(values, NotEmpty()) == [0, 2, 3]
    assert refused(values, NotEmpty(), default="d") == [2, 3]


@pytest.mark.parametrize(
    ("rule", "values", "rows"),
    [
        (Regex(pattern="[A-Z]+|[0-9]+"), ["ABC", "ABC1", "1", 12, None, "abc"], [1, 5]),
        (Regex(pattern="a|b"), ["a", "ab", "b"], [1]),
        (In(values=("1", "x", "true")), [1, "x", True, 2, "X", None, Decimal("1.0")], [3, 4]),
        (Length(low=2, high=3), ["a", "ab", "abc", "abcd", "éé", None], [0, 3]),
        (Length(low=2), ["a", "abcdefgh"], [0]),
        (Min(value=Decimal("0.5")), [0, Decimal("0.5"), 1, "2", None, Decimal("0.49999999999999999999")], [0, 3, 5]),
        (Max(value=Decimal(2**53)), [2**53, 2**53 + 1, -1, True], [1, 3]),
    ],
)
def test_rules(rule: Rule, values: list[object], rows: list[int]) -> None:
    assert refused(values, rule) == rows


BOUNDS = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20)


@settings(deadline=None, max_examples=20)
@given(BOUNDS, BOUNDS, st.decimals(-1, 1, places=18))
def test_limits_are_exact(bound: Decimal, other: Decimal, little: Decimal) -> None:
    for value in (other, bound, bound + little):
        assert refused([value], Min(value=bound)) == ([0] if value < bound else [])
        assert refused([value], Max(value=bound)) == ([0] if value > bound else [])


def test_a_repetition_is_refused_and_the_first_row_stands() -> None:
    told = validated(["a", "b", "a", None, None, 1, "1", "a"], UNIQUE)
    assert [(failure.row, failure.code) for failure in told.failures] == [(2, "REPEATED"), (7, "REPEATED")]
    assert len(told.unique["f"]) == 4


def test_a_repetition_in_a_later_page() -> None:
    first = validated(["a", "b"], UNIQUE)
    later = validated(["c", "a"], UNIQUE, first.unique)
    assert [failure.row for failure in later.failures] == [1]


def test_all_rules_of_a_field_are_asked() -> None:
    mapping = FieldMapping(source="f", target="t", rules=(Length(high=2), In(values=("x",))))
    codes = [(failure.row, failure.code) for failure in validated(["x", "abc"], mapping).failures]
    assert codes == [(1, "LENGTH"), (1, "NOT_ALLOWED")]


def test_a_broken_cell_breaks_no_rule_as_well() -> None:
    field = SourceField(name="f", type="NUMBER")
    mapping = FieldMapping(source="f", target="t", required=True, rules=(Min(value=Decimal(1)), NotEmpty()))
    entity = Entity(name="items", key=("f",), fields=(field,), mappings=(mapping,))
    normal = normalize(from_rows([{"f": "abc"}]), entity, Source(name="erp"))
    assert [failure.code for failure in normal.failures] == ["NOT_A_NUMBER"]
    assert validate(normal.table, entity).failures == []
