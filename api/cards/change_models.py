"""Bodies and answers of the routes that change listings; field names of the seed guide stay as they are there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, StringConstraints, model_validator

from api.parameters import MAX_INT, WHOLE, Text, Whole
from domain.cards.edits import Wish
from domain.cards.properties import Scalar, checked_property, is_editable

MOST_LISTINGS = 5_000

Count = Annotated[int, Field(ge=0, le=MAX_INT, strict=True), WHOLE]


def _absent() -> Any:
    return UNSET


def _blank_is_none(value: str | None) -> str | None:
    return value if value is None or value.strip() else None


Description = Annotated[Text, StringConstraints(max_length=5000)]
UserData = Annotated[Text, StringConstraints(max_length=1000)]
ClearedDescription = Annotated[Description | None, AfterValidator(_blank_is_none)]
ClearedUserData = Annotated[UserData | None, AfterValidator(_blank_is_none)]

PropertyName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
PropertyValue = bool | int | FiniteFloat | Annotated[Text, StringConstraints(max_length=256)]


def _checked(properties: dict[str, Scalar]) -> dict[str, Scalar]:
    return {name: checked_property(name, value) for name, value in properties.items()}


def _all_editable(properties: dict[str, Scalar]) -> dict[str, Scalar]:
    for name in properties:
        if not is_editable(name):
            raise ValueError(f"{name} describes the print and cannot be chosen")
    return properties


Properties = Annotated[
    dict[PropertyName, PropertyValue],
    Field(max_length=32, json_schema_extra={"additionalProperties": False}),
    AfterValidator(_checked),
]
Waiting = Literal["RESUME", "LINK", "WRITES_ENABLED"]


class EditRequest(BaseModel):
    """Fields to change. An absent field keeps; null (or a blank text) clears, where a field can be cleared."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    quantity: Count = Field(default_factory=_absent, description="copies there shall be; 0 takes it off sale")
    price_cents: Count = Field(default_factory=_absent, description="price of one copy, in cents")
    description: ClearedDescription = Field(default_factory=_absent, description="text shown to buyers; null clears")
    user_data_field: ClearedUserData = Field(
        default_factory=_absent, description="text of the seller's own, not shown to buyers; null clears"
    )
    graded: Annotated[bool | None, AfterValidator(bool)] = Field(
        default_factory=_absent, description="whether the card is graded; null is not graded", strict=True
    )
    properties: Properties = Field(
        default_factory=_absent, description="condition, language, finish ...; merged key by key, none can be cleared"
    )

    @model_validator(mode="after")
    def _asks_for_something(self) -> EditRequest:
        if not self.model_fields_set:
            raise ValueError("give at least one field")
        return self

    def wish(self) -> Wish:
        """What was given, and nothing else."""
        return Wish(**{name: getattr(self, name) for name in type(self).model_fields})


class NewItem(BaseModel):
    """One listing to put on sale."""

    model_config = ConfigDict(extra="forbid")

    blueprint_id: Whole = Field(ge=1, lt=MAX_INT, description="CardTrader's id of the printed card")
    price_cents: Whole = Field(ge=1, le=MAX_INT, description="price of one copy, in cents")
    quantity: Whole = Field(ge=1, le=MAX_INT, description="copies for sale")
    description: ClearedDescription = Field(None, description="text shown to buyers")
    user_data_field: ClearedUserData = Field(
        None, description="text of the seller's own; a marker of ours is added behind it at CardTrader"
    )
    graded: bool = Field(False, description="whether the card is graded", strict=True)
    properties: Annotated[Properties, AfterValidator(_all_editable)] = Field(
        {}, description="condition, language, finish ...; what is absent gets CardTrader's default"
    )

    def wanted(self) -> dict[str, Any]:
        """The listing as CardTrader is to have it."""
        return self.model_dump(exclude={"blueprint_id"}, exclude_defaults=True)


class NewItems(BaseModel):
    """Listings to put on sale together."""

    model_config = ConfigDict(extra="forbid")

    items: list[NewItem] = Field(
        min_length=1, max_length=MOST_LISTINGS, description="one bad listing refuses all; the error names its position"
    )


class _Queued(BaseModel):
    item_id: int = Field(description="our id of the row")
    cardtrader_sync_queued: bool = Field(description="whether a change is recorded for CardTrader")
    external_stock_id: str | None = Field(description="CardTrader's product id")
    sync_queue_error: str | None = Field(None, description="always null: what is accepted is recorded")
    sync_task_id: str | None = Field(description="the same as task_id")
    task_id: str | None = Field(description="poll `/task/{task_id}`; null when nothing had to be sent")
    waiting_for: Waiting | None = Field(
        description="what must happen before anything is sent: RESUME or LINK the account, WRITES_ENABLED by the "
        "operator; null when it is sent at once, unless it does too much at once: see `/changes/{user_id}/plan`"
    )


class ItemUpdated(_Queued):
    """The edit is recorded. CardTrader has the last word: see `/task/{task_id}`."""

    status: Literal["updated"] = Field("updated", description="always updated")
    quantity: int = Field(description="copies there will be: what was asked for")
    quantity_on_sale: int = Field(description="copies offered now: lowered at once, raised once CardTrader has them")
    price_cents: int = Field(description="price of one copy, in cents")
    description: str | None = Field(description="text shown to buyers")
    user_data_field: str | None = Field(description="text of the seller's own")
    graded: bool | None = Field(description="whether the card is graded")
    properties: dict[str, Any] = Field(description="all properties, merged")
    has_external_id: Literal[True] = Field(True, description="always true: an item without one cannot be edited")
    row_version: int = Field(description="the item's new version; also the ETag")


class ItemDeleted(_Queued):
    """The listing is hidden here and will be taken off sale at CardTrader."""

    status: Literal["deleted"] = Field("deleted", description="always deleted")


class ItemsAccepted(BaseModel):
    """The listings are recorded; each appears in the inventory once CardTrader has it."""

    status: Literal["accepted"] = Field("accepted", description="always accepted")
    task_id: str = Field(description="poll `/task/{task_id}`")
    user_id: UUID = Field(description="the seller")
    accepted: int = Field(description="listings recorded")
    waiting_for: Waiting | None = Field(description="what must happen before anything is sent, as for an edit")


class ChangePlan(BaseModel):
    """Changes that do too much at once to go without approval; all numbers are listings unless they say otherwise."""

    plan_id: UUID = Field(description="names exactly these changes; later ones make a new plan of another id")
    state: Literal["waiting", "approved", "cancelled"] = Field(description="waiting for a decision, or decided")
    creates: int = Field(description="new listings")
    updates: int = Field(description="listings to be changed")
    deletes: int = Field(description="listings to be deleted")
    zeroed: int = Field(description="of the updates: left without copies")
    repriced: int = Field(description="of the updates: price moved by more than half")
    value_before_cents: int = Field(description="quantity x price of the listings before")
    value_after_cents: int = Field(description="the same after")
    requests: int = Field(description="requests to CardTrader, estimated")
    seconds: int = Field(description="time under CardTrader's limit, estimated")
    created_at: datetime = Field(description="when the changes were held")
