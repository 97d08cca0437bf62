"""What is told by call-backs: the events and the body in which one travels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args
from uuid import UUID

EventName = Literal["sync.started", "sync.completed", "sync.failed"]
EVENT_NAMES: Final[tuple[EventName, ...]] = get_args(EventName)
TEST_EVENT: Final = "webhook.test"

Data = Mapping[str, str | int | None]
"""Ids and counts."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that an organisation may want to know. `cause` names what it tells: it is told once."""

    event: str
    organization_id: str
    cause: str
    data: Data
    store_id: UUID | None = None


def payload(event_id: UUID, event: Event, at: datetime) -> dict[str, object]:
    """The body's fields in their order."""
    return {
        "eventId": str(event_id),
        "event": event.event,
        "timestamp": iso(at),
        "organizationId": event.organization_id,
        "storeId": None if event.store_id is None else str(event.store_id),
        "data": dict(event.data),
    }


def body(fields: Mapping[str, object]) -> str:
    """The text that is signed and sent: the same for the same payload, whoever renders it, and however often."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def iso(at: datetime) -> str:
    """UTC with milliseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
