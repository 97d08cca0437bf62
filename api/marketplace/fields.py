"""What the bodies of the context are made of: camelCase, moments in UTC with milliseconds, described ids."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel

from api.parameters import Text
from domain.marketplace.events import iso

STORE: Final = "019ac6a1-8dcb-71e3-9b6c-45807eb7e20c"
RECEIPT_LOG: Final = "019ac6a2-03d1-7b0e-8f44-1f6c1c8b5a11"
WEBHOOK: Final = "019ac6a3-4a77-7d52-a1f0-6c2f9b3e7d88"
EVENT: Final = "019ac6a4-9e15-7c3a-b7d9-0f8e2a4c6b19"
REPLAY: Final = "019ac6a5-1b2c-7e4f-9a8b-7c6d5e4f3a2b"
SYNC_TOKEN: Final = "5b0f6f6e-6e0b-4c55-9d0c-2f6a4f6f8f11"  # noqa: S105 - an example
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the one of the Standard Webhooks' page
MOMENT: Final = "2026-01-31T12:00:00.000Z"
LATER: Final = "2026-01-31T12:05:00.000Z"
MOST_SEQUENCE: Final = 2**53
"""No JSON reader loses a digit of it."""


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)


class Body(BaseModel):
    """A request or an answer."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


Amount = Annotated[
    Decimal,
    PlainSerializer(_number, return_type=int | float, when_used="json"),
    WithJsonSchema({"type": "number"}, mode="serialization"),
]
Moment = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=255)]

OrganizationName = Annotated[Name, Field(description="the organisation", examples=["org-123"])]
Organization = Annotated[str, Field(description="the organisation", examples=["org-123"])]
StoreId = Annotated[UUID, Field(description="id of the store", examples=[STORE])]
WebhookId = Annotated[UUID, Field(description="id of the webhook", examples=[WEBHOOK])]
EventId = Annotated[UUID, Field(description="id of the event: X-Event-Id, webhook-id", examples=[EVENT])]
Sequence = Annotated[int, Field(description="number at this webhook: X-Event-Sequence", examples=[17])]
CreatedAt = Annotated[Moment, Field(description="when it was written down", examples=[MOMENT])]
