"""The parts of the API's answers that the command line shows; whatever else they hold is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field

State = Literal["pending", "running", "completed", "completed_with_errors", "failed", "cancelled"]
OPEN: Final[tuple[State, ...]] = ("pending", "running")
SUCCEEDED: Final[tuple[State, ...]] = ("completed", "completed_with_errors")


class Linked(BaseModel):
    """Answer of `POST /link`."""

    user_id: UUID
    sync_status: str = "idle"


class Accepted(BaseModel):
    """Answer of `POST /start`: `task_id` is the operation's id."""

    task_id: str
    message: str = ""


class Disconnected(BaseModel):
    """Answer of `POST /disconnect`."""

    message: str


class FailedRecord(BaseModel):
    """One dead letter."""

    id: int
    subject: str
    stage: str
    reason: str
    retries: int = 0
    updated_at: datetime
    resolved_at: datetime | None = None


class FailedRecords(BaseModel):
    """Answer of `GET /failed-records`; `next_cursor` is None on the last page."""

    records: list[FailedRecord] = Field(default_factory=list)
    next_cursor: str | None = None


class Retried(BaseModel):
    """Answer of `POST /failed-records/.../retry`."""

    message: str
    task_id: str | None = None


class Status(BaseModel):
    """Answer of `GET /status`."""

    user_id: UUID
    sync_status: str
    last_sync_at: datetime | None = None
    last_error: str | None = None
    disconnected: bool | None = None


class Problem(BaseModel):
    """Why a sync ended without success."""

    code: str
    message: str


class NoSync(BaseModel):
    """The other answer of `GET /progress`: the account was never synchronised."""

    status: Literal["no_sync_found"]
    message: str


class Progress(BaseModel):
    """Answer of `GET /progress`, and the data of each progress event."""

    operation_id: str
    state: State
    phase: str = ""
    progress_percent: int = 0
    total_products: int = 0
    processed: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    contested: int = 0
    failed: int = 0
    stale: int = 0
    removed: int = 0
    held: int = 0
    rate_per_second: float | None = None
    eta_seconds: float | None = None
    error: Problem | None = None

    @property
    def is_over(self) -> bool:
        """True once nothing will change any more."""
        return self.state not in OPEN

    @property
    def is_success(self) -> bool:
        """True when the stock was brought up to date."""
        return self.state in SUCCEEDED

    @property
    def is_conserved(self) -> bool:
        """Law L6: every row fetched ended in exactly one of the counters."""
        parts = self.created + self.updated + self.unchanged + self.contested + self.failed
        return self.processed == parts == self.total_products


class Item(BaseModel):
    """One row of `GET /inventory`."""

    id: int
    blueprint_id: int
    quantity: int
    price_cents: int
    properties: dict[str, str | int | float | bool | None] | None = None
    external_stock_id: str | None = None
    description: str | None = None
    sync_state: str = ""
    stale_since: datetime | None = None
    updated_at: datetime | None = None


class Inventory(BaseModel):
    """One page of the stock; `next_cursor` is None on the last one."""

    items: list[Item] = Field(default_factory=list)
    total: int = 0
    next_cursor: str | None = None
