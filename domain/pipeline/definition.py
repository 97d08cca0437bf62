"""An entity as it is stored (the seed's columns and `options`) and as the stages obey it.

A batch keeps the `Definition` it began with: a change of configuration in its middle does not mix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from domain.pipeline.config import (
    Entity,
    FieldMapping,
    HashScheme,
    Parent,
    Rowversion,
    Rule,
    Source,
    SourceField,
    Transformation,
    Value,
    Zones,
)


class ParentRef(Value, frozen=True, kw_only=True):
    """One value of `parent_refs_config`, whose keys are the references.

    `fields`: the fields of the parent's key, each with the child's field that holds its value.
    """

    parent_entity: str
    fields: dict[str, str]


class Options(Value, frozen=True, kw_only=True):
    """What the seed's columns have no place for; `target` is the entity's name at the hub, its own if None."""

    target: str | None = None
    null_tokens: tuple[str, ...] = ()
    zones: Zones = Zones()
    pass_unmapped: bool = True
    infer: bool = False
    hash_scheme: HashScheme = "v2"
    bookkeeping: tuple[str, ...] = ("created_at", "updated_at", "created_at_utc", "updated_at_utc")
    rowversion: Rowversion = Rowversion()


class StoredMapping(Value, frozen=True, kw_only=True):
    """The columns of `field_mappings` that say what a mapping does."""

    source_field: str
    target_field: str
    transformation: Transformation | None = None
    default_value: str | int | bool | None = None
    is_required: bool = False
    validation_rule: tuple[Rule, ...] = ()


class StoredEntity(Value, frozen=True, kw_only=True):
    """The columns of `entity_config` that say how rows are read, and the entity's mappings."""

    entity_name: str
    source_system: str
    connector_api_slug: str
    business_key_fields: tuple[str, ...]
    fields: tuple[SourceField, ...] = ()
    parent_refs_config: dict[str, ParentRef] = msgspec.field(default_factory=dict)
    options: Options = Options()
    mappings: tuple[StoredMapping, ...] = ()


class Definition(Value, frozen=True, kw_only=True):
    """What a batch works by; `connector` is where rows are fetched, `target` where they are told."""

    entity: Entity
    source: Source
    connector: str
    target: str

    @property
    def source_key(self) -> tuple[str, ...]:
        """The source's fields that the key is made of, in its order."""
        sources = {mapping.target: mapping.source for mapping in self.entity.mappings}
        return tuple(sources.get(field, field) for field in self.entity.key)

    @property
    def source_rowversion(self) -> str:
        """The source's field that the rowversion comes from."""
        field = self.entity.rowversion.field
        return next((mapping.source for mapping in self.entity.mappings if mapping.target == field), field)


def read(row: Mapping[str, Any], mappings: Sequence[Mapping[str, Any]] = ()) -> StoredEntity:
    """From columns with decoded JSON.

    Raises:
        msgspec.ValidationError: they are not of this form.
    """
    return msgspec.convert({**row, "mappings": [dict(mapping) for mapping in mappings]}, StoredEntity)


def definition(stored: StoredEntity) -> Definition:
    """What the stages obey; whether it is sound, `config_check` tells."""
    options = stored.options
    parents = [
        Parent(ref=ref, entity=parent.parent_entity, fields=parent.fields)
        for ref, parent in stored.parent_refs_config.items()
    ]
    entity = Entity(
        name=stored.entity_name,
        key=stored.business_key_fields,
        fields=stored.fields,
        mappings=tuple(_mapping(mapping) for mapping in stored.mappings),
        pass_unmapped=options.pass_unmapped,
        infer=options.infer,
        hash_scheme=options.hash_scheme,
        bookkeeping=options.bookkeeping,
        rowversion=options.rowversion,
        parents=tuple(parents),
    )
    source = Source(name=stored.source_system, null_tokens=options.null_tokens, zones=options.zones)
    return Definition(
        entity=entity, source=source, connector=stored.connector_api_slug, target=options.target or stored.entity_name
    )


def _mapping(stored: StoredMapping) -> FieldMapping:
    return FieldMapping(
        source=stored.source_field,
        target=stored.target_field,
        transformation=stored.transformation or "none",
        default=stored.default_value,
        required=stored.is_required,
        rules=stored.validation_rule,
    )
