"""Bodies and answers about entities; names of the seed guide stay as they are there."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, Field, StringConstraints, model_validator

from api.bridge.mapping_models import MOST_MAPPINGS, Body, FieldName, Mapping, MappingBody
from api.bridge.parameters import Name, Paged
from api.parameters import Flag, Text, Whole
from db.bridge.entities import SavedEntity, SyncStats
from domain.pipeline.config import DateOrder, HashScheme, OracleType, RowversionKind
from domain.pipeline.definition import ParentRef, StoredEntity, read

SOURCE_SYSTEM: Final = "erp"
_MOST_OVERLAP: Final = 10 * 366 * 86_400

ShortText = Annotated[Text, StringConstraints(max_length=100)]
KeyFields = Annotated[list[FieldName], Field(min_length=1, max_length=50)]
Cron = Annotated[str, StringConstraints(max_length=100, pattern=r"^[0-9A-Za-z*,/?#-]+( [0-9A-Za-z*,/?#-]+){4}$")]


class DeclaredField(Body):
    """What is declared of one field of the source; a declared type protects the value."""

    name: FieldName = Field(description="field of the source")
    type: OracleType = Field(description="its Oracle type")
    date_order: DateOrder = Field("ymd", description="how its dates are written; year first is always understood")
    decimal_comma: Flag = Field(False, description="whether its numbers have a decimal comma")


class ZonesBody(Body):
    """What is done with date-times."""

    local: ShortText | None = Field(None, description="IANA zone of texts without an offset; null: left without one")
    to_utc: Flag = Field(False, description="whether all are converted to UTC")


class RowversionBody(Body):
    """Which target field orders the states of a row."""

    field: FieldName = Field("rowversion", description="the field")
    kind: RowversionKind = Field("text", description="how its values compare")
    overlap: Whole = Field(
        0, ge=0, le=_MOST_OVERLAP, description="how far before the watermark a fetch begins: units, or seconds"
    )


class OptionsBody(Body):
    """What the seed's fields have no place for."""

    target: Name | None = Field(None, description="the entity's name at the hub; null: its own")
    null_tokens: list[ShortText] = Field([], max_length=100, description="texts that mean nothing there: N/A")
    zones: ZonesBody = Field(ZonesBody(), description="what is done with date-times")
    pass_unmapped: Flag = Field(True, description="whether fields without a mapping keep their name")
    infer: Flag = Field(False, description="whether undeclared text of digits becomes a number, as it once did")
    hash_scheme: HashScheme = Field("v2", description="v1 only for a target that holds the predecessor's hashes")
    bookkeeping: list[FieldName] = Field(
        ["created_at", "updated_at", "created_at_utc", "updated_at_utc"],
        max_length=100,
        description="target fields whose change alone is none",
    )
    rowversion: RowversionBody = Field(RowversionBody(), description="what orders the states of a row")


class ParentBody(Body):
    """The key of a parent: one field by `parent_field` and `child_field`, several by `fields`."""

    parent_entity: Name = Field(description="the parent")
    parent_field: FieldName | None = Field(None, description="its key field")
    child_field: FieldName | None = Field(None, description="the child's field that holds its value")
    fields: dict[FieldName, FieldName] | None = Field(
        None, min_length=1, max_length=50, description="the child's field for each key field of the parent"
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        given = tuple(value is not None for value in (self.parent_field, self.child_field, self.fields))
        if given not in ((True, True, False), (False, False, True)):
            raise ValueError("give parent_field and child_field, or fields")
        return self

    def stored(self) -> dict[str, Any]:
        """As it is kept."""
        pair = {str(self.parent_field): str(self.child_field)}
        return {"parent_entity": self.parent_entity, "fields": pair if self.fields is None else self.fields}


ParentRefs = Annotated[dict[FieldName, ParentBody], Field(max_length=20)]


class EntityBody(Body):
    """An entity to define."""

    entity_name: Name = Field(description="its name, also in paths and at the hub")
    connector_api_slug: Name = Field(description="APISmith's slug of the query that brings its rows")
    business_key_fields: KeyFields = Field(description="target fields that identify a row")
    field_mappings: list[MappingBody] = Field([], max_length=MOST_MAPPINGS, description="how fields reach the target")
    sync_enabled: Flag = Field(True, description="whether it may be synchronised")
    sync_schedule: Cron | None = Field(None, description="cron expression of five fields, in UTC; null: none")
    parent_refs_config: ParentRefs = Field({}, description="its parents, by the name of the reference")
    source_system: Name = Field(SOURCE_SYSTEM, description="where its rows come from; a part of their identity")
    fields: list[DeclaredField] = Field([], max_length=1000, description="declared fields of the source")
    options: OptionsBody = Field(OptionsBody(), description="the rest of its configuration")

    def stored(self) -> StoredEntity:
        """As it is kept."""
        mappings = [mapping.model_dump(mode="json") for mapping in self.field_mappings]
        return read(_columns(self, exclude_unset=False), mappings)


class EntityChange(Body):
    """What is to be different; what is left out stays. Null empties what can be empty, and keeps the rest."""

    connector_api_slug: Name | None = Field(None, description="APISmith's slug of the query")
    business_key_fields: KeyFields | None = Field(None, description="target fields that identify a row")
    field_mappings: list[MappingBody] | None = Field(
        None, max_length=MOST_MAPPINGS, description="these in place of all there are; null: as they are"
    )
    sync_enabled: Flag | None = Field(None, description="whether it may be synchronised")
    sync_schedule: Cron | None = Field(None, description="cron expression of five fields, in UTC; null: none")
    parent_refs_config: ParentRefs | None = Field(None, description="its parents; null: none")
    source_system: Name | None = Field(None, description="where its rows come from")
    fields: list[DeclaredField] | None = Field(None, max_length=1000, description="declared fields; null: none")
    options: OptionsBody | None = Field(None, description="those to change; null: all as they are by default")

    def applied(self, saved: SavedEntity) -> StoredEntity:
        """The entity with the change."""
        before: dict[str, Any] = msgspec.to_builtins(saved.stored)
        changed = _columns(self, exclude_unset=True)
        options = {} if "options" in changed and changed["options"] is None else before["options"]
        emptied: dict[str, Any] = {"fields": []} if "fields" in changed else {}
        values = {name: value for name, value in changed.items() if value is not None}
        values["options"] = {**options, **(changed.get("options") or {})}
        mappings = before["mappings"]
        if self.field_mappings is not None:
            mappings = [mapping.model_dump(mode="json") for mapping in self.field_mappings]
        return read({**before, **emptied, **values}, mappings)

    def schedule(self, saved: SavedEntity) -> str | None:
        """The cron expression with the change."""
        return self.sync_schedule if "sync_schedule" in self.model_fields_set else saved.sync_schedule


def _columns(body: EntityBody | EntityChange, *, exclude_unset: bool) -> dict[str, Any]:
    """The columns that a body names."""
    apart = {"field_mappings", "sync_enabled", "sync_schedule", "parent_refs_config"}
    columns = body.model_dump(mode="json", exclude=apart, exclude_unset=exclude_unset)
    if not exclude_unset or "parent_refs_config" in body.model_fields_set:
        refs = body.parent_refs_config or {}
        columns["parent_refs_config"] = {ref: parent.stored() for ref, parent in refs.items()}
    return columns


class Parent(BaseModel):
    """A reference to a parent."""

    parent_entity: str = Field(description="the parent")
    parent_field: str | None = Field(description="its key field; null where the key has several")
    child_field: str | None = Field(description="the child's field that holds its value; null where there are several")
    fields: dict[str, str] = Field(description="the child's field for each key field of the parent")

    @classmethod
    def of(cls, ref: ParentRef) -> Parent:
        """As it is shown."""
        [single] = ref.fields.items() if len(ref.fields) == 1 else [(None, None)]
        return cls(
            parent_entity=ref.parent_entity, parent_field=single[0], child_field=single[1], fields=dict(ref.fields)
        )


class Stats(BaseModel):
    """What the syncs of an entity came to; dry runs and retries are not counted."""

    total_syncs: int = Field(description="batches in all")
    successful_syncs: int = Field(description="batches that completed, with or without failed rows")
    failed_syncs: int = Field(description="batches that failed")
    last_sync_at: datetime | None = Field(description="when the last one ended, or began while it runs")
    last_sync_status: str | None = Field(description="its status")
    total_records_synced: int = Field(description="rows inserted and updated at the hub")


class Entity(BaseModel):
    """One entity, whole."""

    uid: UUID = Field(description="id of the entity")
    entity_name: str = Field(description="its name")
    source_system: str = Field(description="where its rows come from")
    connector_api_slug: str = Field(description="APISmith's slug of the query that brings its rows")
    business_key_fields: list[str] = Field(description="target fields that identify a row")
    sync_enabled: Flag = Field(description="whether it may be synchronised")
    sync_schedule: str | None = Field(description="cron expression in UTC; null: none")
    parent_refs_config: dict[str, Parent] = Field(description="its parents, by the name of the reference")
    field_mappings: list[Mapping] = Field(description="how fields reach the target")
    fields: list[DeclaredField] = Field(description="declared fields of the source")
    options: OptionsBody = Field(description="the rest of its configuration")
    sync_stats: Stats = Field(description="what its syncs came to")
    created_at: datetime = Field(description="when it was defined")
    updated_at: datetime = Field(description="when it was last changed")

    @classmethod
    def of(cls, saved: SavedEntity, stats: SyncStats) -> Entity:
        """As it is shown."""
        stored: dict[str, Any] = msgspec.to_builtins(saved.stored)
        refs = saved.stored.parent_refs_config
        own = ("uid", "sync_enabled", "sync_schedule", "created_at", "updated_at")
        shown = {
            **{name: getattr(saved, name) for name in own},
            "parent_refs_config": {ref: Parent.of(parent) for ref, parent in refs.items()},
            "field_mappings": [Mapping.of(mapping) for mapping in saved.mappings],
            "sync_stats": asdict(stats),
        }
        return cls.model_validate({**stored, **shown})


class EntitySummary(BaseModel):
    """One entity of the list."""

    uid: UUID = Field(description="id of the entity")
    entity_name: str = Field(description="its name")
    source_system: str = Field(description="where its rows come from")
    connector_api_slug: str = Field(description="APISmith's slug of the query")
    sync_enabled: Flag = Field(description="whether it may be synchronised")
    total_syncs: int = Field(description="batches in all")
    last_sync_at: datetime | None = Field(description="when the last one ended, or began while it runs")
    last_sync_status: str | None = Field(description="its status")


class EntityPage(Paged):
    """Entities by name."""

    items: list[EntitySummary] = Field(description="the entities of this page")
