"""Bodies and answers; names of the seed stay as they are there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from api.parameters import MOST_EXACT, WHOLE, Text, Whole
from api.store.parameters import MOST_MOVED
from db.store.reports import Operation as Recorded
from db.store.stock import Item as Stocked
from domain.store.vocabulary import Kind, Status, Strategy, sentence


class Body(BaseModel):
    """A body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class ItemBody(Body):
    """An item to create, or to rename."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=255)] = Field(description="for people")


class UpdateBody(Body):
    """A movement of stock."""

    delta: Whole = Field(
        ge=-MOST_MOVED,
        le=MOST_MOVED,
        description="what comes in; negative: what goes out; never 0",
        json_schema_extra={"not": {"const": 0}},
    )
    operation_id: UUID | None = Field(None, description="names this movement: the same again is the same movement")
    version: Annotated[int, Field(ge=0, le=MOST_EXACT, strict=True), WHOLE] | None = Field(
        None, description="central's version as you know it; 0 is one"
    )

    @field_validator("delta")
    @classmethod
    def _moves(cls, value: int) -> int:
        if value == 0:
            raise ValueError("must not be 0")
        return value


class SettingsBody(Body):
    """How conflicts with central are resolved."""

    conflict_strategy: Strategy = Field(
        description="rebase: applied on what central has now, or taken back; manual: a person decides"
    )


class Item(BaseModel):
    """One item of the shop."""

    id: int = Field(description="our id of the item")
    sku: str = Field(description="the item, as central knows it")
    name: str = Field(description="for people")
    quantity: int = Field(
        description="central's quantity and what central does not have yet; below 0 for moments, when central lost "
        "meanwhile what is sold here"
    )
    version: int = Field(description="local version: counts movements here")
    central_version: int | None = Field(description="central's version when it was last heard of")
    central_quantity: int | None = Field(description="central's quantity at that version")
    updated_at: datetime = Field(description="last movement")
    last_synced_at: datetime | None = Field(description="when central and this shop last agreed")

    @classmethod
    def of(cls, item: Stocked) -> Self:
        """As it is shown."""
        return cls(**{name: getattr(item, name) for name in cls.model_fields})


class Items(BaseModel):
    """A page of items, by SKU."""

    items: list[Item] = Field(description="the page")
    next_cursor: str | None = Field(description="where the next page begins; null on the last one")


class Moved(Item):
    """The item right after the movement; the same answer for whoever repeats it."""

    operation_id: UUID = Field(description="the movement: ask for its way to central by it")

    @classmethod
    def told(cls, operation_id: UUID, answer: dict[str, Any]) -> Self:
        """What the first caller was told."""
        return cls.model_validate({**answer, "operation_id": operation_id})


class Operation(BaseModel):
    """One movement, and how it stands towards central."""

    operation_id: UUID = Field(description="the movement")
    sku: str = Field(description="the item")
    kind: Kind = Field(
        description="local: made here; compensation: takes one back after a conflict; pulled: made elsewhere"
    )
    delta: int = Field(description="what it changed")
    local_version: int = Field(description="local version after it")
    base_central_version: int = Field(description="central's version it was made on")
    sent_version: int | None = Field(description="central's version it was last sent on")
    status: Status = Field(description="failed and conflict without completed_at wait for a person")
    attempts: int = Field(description="how often it was sent")
    error: str | None = Field(description="a code: why it is not, or was not, taken")
    error_message: str | None = Field(description="the same in a sentence")
    compensates: UUID | None = Field(description="the movement it takes back")
    next_attempt_at: datetime | None = Field(description="when it is sent again at the latest")
    created_at: datetime = Field(description="when it was made")
    completed_at: datetime | None = Field(description="when it ended")

    @classmethod
    def of(cls, recorded: Recorded) -> Self:
        """As it is shown."""
        shown = {name: getattr(recorded, name) for name in cls.model_fields if name != "error_message"}
        return cls(**shown, error_message=recorded.error and sentence(recorded.error))


class Operations(BaseModel):
    """A page of movements, newest first."""

    operations: list[Operation] = Field(description="the page")
    next_cursor: str | None = Field(description="where the next page begins; null on the last one")


class SyncStatus(BaseModel):
    """How a movement stands; `ok` and `message` as in the first store service."""

    ok: bool = Field(description="whether central has it")
    message: str = Field(description="a sentence: the status, and the error if there is one")
    operation_id: UUID = Field(description="the movement")
    status: Status = Field(description="pending, in_progress, completed, conflict or failed")
    attempts: int = Field(description="how often it was sent")
    error: str | None = Field(description="a code: why central does not have it")
    compensated_by: UUID | None = Field(description="the movement that takes it back here")

    @classmethod
    def of(cls, recorded: Recorded, compensated_by: UUID | None) -> Self:
        """As it is shown."""
        message = f"Sync status: {recorded.status}"
        return cls(
            ok=recorded.status == "completed",
            message=f"{message} - {sentence(recorded.error)}" if recorded.error else message,
            operation_id=recorded.operation_id,
            status=recorded.status,
            attempts=recorded.attempts,
            error=recorded.error,
            compensated_by=compensated_by,
        )


class Triggered(BaseModel):
    """The sync runs."""

    ok: Literal[True] = Field(True, description="always true")
    message: str = Field("Sync enqueued", description="one sentence")
    pending: int = Field(description="movements central does not have yet")


class StoreSettings(BaseModel):
    """How the shop is kept."""

    store_id: str = Field(description="the shop")
    conflict_strategy: Strategy = Field(description="how conflicts with central are resolved")
