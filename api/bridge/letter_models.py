"""Answers about dead letters and waiting children. Operators see rows, digit by digit as they were received."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from fastapi import Response
from pydantic import BaseModel, Field

from api.bridge.parameters import Paged
from db.bridge.monitoring import FailedRow, WaitingRow

_HIDDEN: Final = "null for readers, and where it was not kept"


class FailedRecord(BaseModel):
    """A row that could not be used."""

    uid: str = Field(description="id of the letter")
    batch_uid: str = Field(description="the batch that met it last")
    entity_name: str = Field(description="the entity")
    source_system: str = Field(description="where the row comes from")
    record_data: Any = Field(description=f"the row as received; {_HIDDEN}")
    normalized_data: Any = Field(description=f"the row after normalisation; {_HIDDEN}")
    mapped_data: Any = Field(description=f"the row as the hub would be told; {_HIDDEN}")
    error_type: str | None = Field(description="why, for programs")
    error_message: str = Field(description="why, for people; it shows no value")
    stage: str = Field(description="where: normalize, validate, map, identity, ingest or resolve")
    retry_count: int = Field(description="how often it was met again")
    max_retries: int | None = Field(description="how often it is tried by itself")
    last_retry_at: datetime | None = Field(description="when it was met last again")
    next_retry_at: datetime | None = Field(description="when it is tried by itself; null: not")
    created_at: datetime = Field(description="when it was met first")
    resolved_at: datetime | None = Field(description="when it was settled; null while open")
    resolved_by: str | None = Field(description="who or what settled it")

    @classmethod
    def of(cls, row: FailedRow, *, contents: bool) -> FailedRecord:
        """As it is shown, with or without the row itself."""
        return cls(
            uid=str(row.id),
            batch_uid=row.operation_id,
            record_data=raw_json(row.raw) if contents else None,
            normalized_data=raw_json(row.normalized) if contents else None,
            mapped_data=raw_json(row.mapped) if contents else None,
            error_message=row.reason,
            retry_count=row.retries,
            **{name: getattr(row, name) for name in _LETTER},
        )


_LETTER: Final = (
    "entity_name",
    "source_system",
    "error_type",
    "stage",
    "max_retries",
    "last_retry_at",
    "next_retry_at",
    "created_at",
    "resolved_at",
    "resolved_by",
)


class FailedPage(Paged):
    """Dead letters, newest first."""

    items: list[FailedRecord] = Field(description="the letters of this page")


class PendingChild(BaseModel):
    """A row that waits for one of its parents."""

    uid: UUID = Field(description="id of the wait")
    batch_uid: UUID = Field(description="the batch that met the row last")
    entity_name: str = Field(description="the row's entity")
    source_system: str = Field(description="where the row comes from")
    child_bk_hash: str = Field(description="the row's key, hashed, in hex")
    child_data: Any = Field(description=f"the row as received; {_HIDDEN}")
    ref: str = Field(description="the reference that is not there")
    parent_entity: str = Field(description="the parent's entity")
    parent_bk_hash: str = Field(description="the parent's key, hashed, in hex")
    reason: str = Field(description="one sentence")
    retry_count: int = Field(description="how often the parent was looked for in vain")
    max_retries: int = Field(description="after so many times it becomes a failed record")
    last_retry_at: datetime | None = Field(description="when it was last looked for")
    next_retry_at: datetime | None = Field(description="when it is looked for again")
    created_at: datetime = Field(description="when the wait began")
    resolved_at: datetime | None = Field(description="when it ended; null while it lasts")
    resolved_by: str | None = Field(description="what ended it")

    @classmethod
    def of(cls, row: WaitingRow, *, contents: bool) -> PendingChild:
        """As it is shown, with or without the row itself."""
        return cls(
            entity_name=row.child_entity,
            child_bk_hash=row.child_bk_hash.hex(),
            child_data=raw_json(row.child_payload) if contents else None,
            parent_bk_hash=row.parent_bk_hash.hex(),
            reason=f"The parent of {row.ref!r} among {row.parent_entity!r} has not arrived.",
            **{name: getattr(row, name) for name in _WAIT},
        )


_WAIT: Final = (
    "uid",
    "batch_uid",
    "source_system",
    "ref",
    "parent_entity",
    "retry_count",
    "max_retries",
    "last_retry_at",
    "next_retry_at",
    "created_at",
    "resolved_at",
    "resolved_by",
)


class PendingPage(Paged):
    """Waiting children, newest first."""

    items: list[PendingChild] = Field(description="the waits of this page")


def exact(answer: BaseModel) -> Response:
    """The answer with its raw rows copied into it: read and written again, a number would lose its digits."""
    return Response(msgspec.json.encode(answer.model_dump()), media_type="application/json")


def raw_json(text: bytes | str | None) -> msgspec.Raw | str | None:
    """JSON to be copied. What not every parser would read is shown as one text: a page must not fail for one row."""
    if text is None:
        return None
    raw = text.encode() if isinstance(text, str) else text
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
        raw.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return raw.decode(errors="backslashreplace")
    return msgspec.Raw(raw)
