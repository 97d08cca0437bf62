"""What is refused when an entity is saved; and the configuration survives its way through JSON."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from domain.pipeline.config import (
    Entity,
    FieldMapping,
    In,
    Length,
    Max,
    Min,
    NotEmpty,
    Parent,
    Regex,
    Rowversion,
    Source,
    SourceField,
    UniqueInBatch,
    Zones,
)
from domain.pipeline.config_check import entity_problems, source_problems

ERP = Source(name="erp")
RULES = (
    NotEmpty(),
    Regex(pattern="[A-Z]+"),
    Min(value=Decimal("0.5")),
    Max(value=Decimal(10)),
    In(values=("a",)),
    Length(low=1, high=2),
    UniqueInBatch(),
)
GOOD = Entity(
    name="items",
    key=("number",),
    fields=(SourceField(name="no", type="VARCHAR2"), SourceField(name="qty", type="NUMBER")),
    mappings=(
        FieldMapping(source="no", target="number", required=True, rules=RULES),
        FieldMapping(source="qty", target="quantity", default="1,000", transformation="trim"),
    ),
    parents=(Parent(ref="site", entity="sites", fields={"code": "site"}),),
)


def test_nothing_is_wrong_with_a_good_one() -> None:
    assert entity_problems(GOOD, ERP) == ()


def test_json_there_and_back() -> None:
    assert msgspec.json.decode(msgspec.json.encode(GOOD), type=Entity) == GOOD


@pytest.mark.parametrize("text", ['{"name":"x","key":["k"],"colour":1}', '{"name":"x","key":["k"],"hash_scheme":"v3"}'])
def test_what_is_not_known_is_not_read(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Entity)


def changed(**fields: object) -> Entity:
    return msgspec.structs.replace(GOOD, **fields)


@pytest.mark.parametrize(
    ("entity", "problem"),
    [
        (changed(key=()), "The entity has no key."),
        (changed(key=("a", "a")), "The key names 'a' twice."),
        (changed(fields=GOOD.fields * 2), "'no' is declared twice."),
        (changed(mappings=GOOD.mappings * 2), "Two mappings lead to 'number'."),
        (changed(parents=GOOD.parents * 2), "Two references are called 'site'."),
        (changed(parents=(Parent(ref="r", entity="e", fields={}),)), "The reference 'r' names no field of its parent."),
        (changed(pass_unmapped=False), "'site' is needed for a key, and no mapping leads to it."),
        (changed(rowversion=Rowversion(overlap=-1, kind="integer")), "An overlap cannot be negative."),
        (changed(rowversion=Rowversion(overlap=1)), "Text rowversions have no distance, so they can have no overlap."),
    ],
)
def test_what_is_refused_of_an_entity(entity: Entity, problem: str) -> None:
    assert problem in entity_problems(entity, ERP)


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (FieldMapping(source="f", target="erp_key_hash"), "'erp_key_hash' is a field of the bridge's own."),
        (FieldMapping(source="qty", target="t", default="many"), "The default of 'qty' is not of the field's type."),
        (
            FieldMapping(source="f", target="t", rules=(Length(low=3, high=2),)),
            "No text of 'f' can be as long as its rule asks.",
        ),
        (
            FieldMapping(source="f", target="t", rules=(Regex(pattern="a)(b"),)),
            "The pattern of 'f' is no regular expression.",
        ),
    ],
)
def test_what_is_refused_of_a_mapping(mapping: FieldMapping, problem: str) -> None:
    assert entity_problems(changed(mappings=(mapping,)), ERP) == (problem,)


def test_zones_of_a_source() -> None:
    assert source_problems(ERP) == ()
    assert source_problems(Source(name="erp", zones=Zones(local="Europe/Rome"))) == ()
    for zone in ("Europe/Atlantis", "../etc/passwd", ""):
        assert source_problems(Source(name="erp", zones=Zones(local=zone))) == (f"There is no time zone {zone!r}.",)
