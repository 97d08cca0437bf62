"""What is stored becomes what the stages obey, and comes back the same from a batch's copy of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.pipeline.config import Entity, FieldMapping, Min, Parent, Rowversion, Source, SourceField, Zones
from domain.pipeline.definition import Definition, definition, read

ROW: dict[str, Any] = {
    "entity_name": "items",
    "source_system": "erp",
    "connector_api_slug": "items-api",
    "business_key_fields": ["number", "site"],
    "fields": [{"name": "NO", "type": "VARCHAR2"}],
    "parent_refs_config": {"site": {"parent_entity": "sites", "fields": {"code": "site"}}},
    "options": {
        "target": "inventory_items",
        "null_tokens": ["N/A"],
        "zones": {"local": "Europe/Rome"},
        "pass_unmapped": False,
        "rowversion": {"field": "changed", "kind": "integer", "overlap": 5},
    },
}
MAPPINGS: list[dict[str, Any]] = [
    {"source_field": "NO", "target_field": "number", "transformation": None, "is_required": True},
    {"source_field": "RV", "target_field": "changed"},
    {
        "source_field": "QTY",
        "target_field": "quantity",
        "default_value": 0,
        "validation_rule": [{"type": "min", "value": 0.1}],
    },
]
EXPECTED = Definition(
    entity=Entity(
        name="items",
        key=("number", "site"),
        fields=(SourceField(name="NO", type="VARCHAR2"),),
        mappings=(
            FieldMapping(source="NO", target="number", required=True),
            FieldMapping(source="RV", target="changed"),
            FieldMapping(source="QTY", target="quantity", default=0, rules=(Min(value=Decimal("0.1")),)),
        ),
        pass_unmapped=False,
        rowversion=Rowversion(field="changed", kind="integer", overlap=5),
        parents=(Parent(ref="site", entity="sites", fields={"code": "site"}),),
    ),
    source=Source(name="erp", null_tokens=("N/A",), zones=Zones(local="Europe/Rome")),
    connector="items-api",
    target="inventory_items",
)


def test_what_is_stored_is_what_the_stages_obey() -> None:
    assert definition(read(ROW, MAPPINGS)) == EXPECTED


def test_a_batch_gets_its_copy_back_as_it_was() -> None:
    assert msgspec.convert(msgspec.to_builtins(EXPECTED), Definition) == EXPECTED


def test_keys_and_rowversions_are_asked_for_by_the_names_of_the_source() -> None:
    assert EXPECTED.source_key == ("NO", "site")
    assert EXPECTED.source_rowversion == "RV"


def test_an_entity_without_options_has_the_defaults_and_its_own_name_at_the_hub() -> None:
    plain = definition(read({**ROW, "options": {}, "fields": [], "parent_refs_config": {}}))
    assert plain.entity == Entity(name="items", key=("number", "site"))
    assert (plain.target, plain.source_rowversion) == ("items", "rowversion")


@pytest.mark.parametrize("options", [{"hash_scheme": "v3"}, {"unknown": 1}])
def test_what_is_not_of_this_form_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read({**ROW, "options": options})
