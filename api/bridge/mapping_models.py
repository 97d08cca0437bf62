"""Bodies and answers about mappings: how one field of the source reaches the target."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)

from api.parameters import MAX_BIGINT, MAX_INT, WHOLE, Flag, Text, Whole, printable
from db.bridge.mappings import SavedMapping
from domain.pipeline.config import Transformation
from domain.pipeline.definition import StoredMapping

MOST_MAPPINGS: Final = 1000
_LONGEST_DEFAULT: Final = 4000

FieldName = Annotated[Text, StringConstraints(min_length=1, max_length=200)]


def _default(value: str | int | bool) -> str | int | bool:
    if isinstance(value, str):
        if len(value) > _LONGEST_DEFAULT:
            raise ValueError(f"must have at most {_LONGEST_DEFAULT} characters")
        return printable(value)
    if not -MAX_BIGINT <= value <= MAX_BIGINT:
        raise ValueError("must be an integer of 64 bits")
    return value


# Checked as one: a union of checked types would name its checks in the error.
DefaultValue = Annotated[StrictStr | StrictInt | StrictBool, AfterValidator(_default)]
_WRITTEN: Final = {"type": "string", "pattern": r"^[+-]?[0-9]{1,50}(\.[0-9]{1,50})?([eE][+-]?[0-9]{1,3})?$"}
Bound = Annotated[
    Decimal, Field(max_digits=100, decimal_places=50), WithJsonSchema({"anyOf": [{"type": "number"}, _WRITTEN]})
]


class Body(BaseModel):
    """What is sent; a name nobody knows is refused, for it would do nothing."""

    model_config = ConfigDict(extra="forbid")


class NotEmptyRule(Body):
    """A value, and not an empty one."""

    type: Literal["not_empty"] = Field(description="always not_empty")


class RegexRule(Body):
    """The whole text matches."""

    type: Literal["regex"] = Field(description="always regex")
    pattern: Annotated[Text, StringConstraints(min_length=1, max_length=1000)] = Field(
        description="regular expression in the syntax of Rust's regex crate: no look-around, linear time"
    )


class MinRule(Body):
    """A number not below."""

    type: Literal["min"] = Field(description="always min")
    value: Bound = Field(description="the smallest that is allowed")


class MaxRule(Body):
    """A number not above."""

    type: Literal["max"] = Field(description="always max")
    value: Bound = Field(description="the largest that is allowed")


class InRule(Body):
    """One of these texts."""

    type: Literal["in"] = Field(description="always in")
    values: list[Annotated[Text, StringConstraints(max_length=1000)]] = Field(
        min_length=1, max_length=1000, description="the texts that are allowed; numbers as canonical texts"
    )


class LengthRule(Body):
    """A length in characters."""

    type: Literal["length"] = Field(description="always length")
    low: Whole = Field(0, ge=0, le=MAX_INT, description="at least")
    high: Annotated[int, Field(ge=0, le=MAX_INT, strict=True), WHOLE] | None = Field(
        None, description="at most; null: no limit"
    )


class UniqueInBatchRule(Body):
    """A value that no earlier row of the batch has."""

    type: Literal["unique_in_batch"] = Field(description="always unique_in_batch")


Rule = Annotated[
    NotEmptyRule | RegexRule | MinRule | MaxRule | InRule | LengthRule | UniqueInBatchRule,
    Field(discriminator="type"),
]


class MappingBody(Body):
    """One field's way to the target."""

    source_field: FieldName = Field(description="field of the source")
    target_field: FieldName = Field(description="its name at the hub")
    transformation: Transformation | None = Field(None, description="what is done with the text; null: nothing")
    default_value: DefaultValue | None = Field(None, description="in place of null and of an absent field")
    is_required: Flag = Field(False, description="whether a row without a value fails")
    validation_rule: list[Rule] = Field([], max_length=20, description="what the source's value must be")

    def stored(self) -> StoredMapping:
        """As it is kept."""
        return msgspec.convert(self.model_dump(mode="json"), StoredMapping)


class MappingChange(Body):
    """What is to be different; what is left out stays."""

    source_field: FieldName = Field("-", description="field of the source")
    target_field: FieldName = Field("-", description="its name at the hub")
    transformation: Transformation | None = Field(None, description="what is done with the text; null: nothing")
    default_value: DefaultValue | None = Field(None, description="in place of null and of an absent field")
    is_required: Flag = Field(False, description="whether a row without a value fails")
    validation_rule: list[Rule] = Field([], max_length=20, description="what the source's value must be")

    def applied(self, stored: StoredMapping) -> StoredMapping:
        """The mapping with the change."""
        changed: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True)
        return msgspec.convert({**msgspec.to_builtins(stored), **changed}, StoredMapping)


class MappingBodies(Body):
    """Several mappings, all saved or none."""

    mappings: list[MappingBody] = Field(min_length=1, max_length=MOST_MAPPINGS, description="the mappings to add")


class Mapping(BaseModel):
    """One saved mapping."""

    uid: UUID = Field(description="id of the mapping")
    entity_name: str = Field(description="the entity")
    source_field: str = Field(description="field of the source")
    target_field: str = Field(description="its name at the hub")
    transformation: Transformation | None = Field(description="what is done with the text; null: nothing")
    default_value: str | int | bool | None = Field(description="in place of null and of an absent field")
    is_required: Flag = Field(description="whether a row without a value fails")
    validation_rule: list[Rule] = Field(description="what the source's value must be")
    created_at: datetime = Field(description="when it was added")

    @classmethod
    def of(cls, saved: SavedMapping) -> Mapping:
        """As it is shown."""
        about = {"uid": saved.uid, "entity_name": saved.entity_name, "created_at": saved.created_at}
        return cls.model_validate({**msgspec.to_builtins(saved.stored), **about})


class MappingList(BaseModel):
    """The mappings of one entity, by their source field."""

    entity_name: str = Field(description="the entity")
    total: int = Field(description="how many")
    mappings: list[Mapping] = Field(description="all of them")


class MappingsCreated(BaseModel):
    """All of them were saved."""

    created: int = Field(description="how many")
    mappings: list[Mapping] = Field(description="the new ones, in the order of the request")
