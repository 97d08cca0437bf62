"""The parts of the bridge's answers that the command line shows; whatever else they hold is passed over."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel

_OPEN: Final = ("pending", "running")


class Listed(BaseModel):
    """What every list tells of itself."""

    total: int = 0
    page: int = 1
    total_pages: int = 0


class EntityLine(BaseModel):
    """One entity of the list."""

    entity_name: str
    source_system: str
    connector_api_slug: str
    sync_enabled: bool
    total_syncs: int = 0
    last_sync_at: datetime | None = None
    last_sync_status: str | None = None


class Entities(Listed):
    """Answer of `GET /entities`."""

    items: list[EntityLine] = []


class MappingLine(BaseModel):
    """One mapping."""

    uid: str
    source_field: str
    target_field: str
    transformation: str | None = None
    default_value: Any = None
    is_required: bool = False
    validation_rule: list[dict[str, Any]] = []


class Mappings(BaseModel):
    """Answer of `GET /mappings/{entity}`."""

    total: int = 0
    mappings: list[MappingLine] = []


class Started(BaseModel):
    """Answer of `POST /sync/start`."""

    batch_uid: str


class Message(BaseModel):
    """An answer that says what became of the request."""

    message: str


class Batch(BaseModel):
    """A batch of `GET /sync/status` or of the history."""

    batch_uid: str
    entity_name: str
    sync_type: str
    status: str
    dry_run: bool = False
    total_records: int = 0
    rows_fetched: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    rows_skipped: int = 0
    rows_pending: int = 0
    rows_failed: int = 0
    rows_per_second: float = 0.0
    success_rate: float = 100.0
    error_code: str | None = None
    error_message: str | None = None
    deletion_refused_message: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.status not in _OPEN

    @property
    def is_success(self) -> bool:
        """Whether it went through, with or without failed rows."""
        return self.status in ("completed", "completed_with_errors")


class Batches(Listed):
    """Answer of `GET /sync/history`."""

    items: list[Batch] = []


class Retried(BaseModel):
    """Answer of `POST /sync/retry-failed`."""

    message: str
    finished: bool = True
    records_retried: int = 0
    records_resolved: int = 0
    records_still_failed: int = 0
    not_retried: list[dict[str, str]] = []


class FailedLine(BaseModel):
    """One dead letter."""

    uid: str
    entity_name: str
    stage: str
    error_type: str | None = None
    error_message: str
    retry_count: int = 0
    next_retry_at: datetime | None = None
    resolved_at: datetime | None = None


class Failed(Listed):
    """Answer of `GET /failed-records`."""

    items: list[FailedLine] = []


class WaitingLine(BaseModel):
    """One child that waits."""

    entity_name: str
    ref: str
    parent_entity: str
    retry_count: int = 0
    next_retry_at: datetime | None = None


class Waiting(Listed):
    """Answer of `GET /pending-children`."""

    items: list[WaitingLine] = []


class ScheduleLine(BaseModel):
    """One background schedule."""

    uid: str
    entity_name: str
    is_enabled: bool
    state: str = ""
    sync_window_start: str = ""
    sync_window_end: str = ""
    zone: str = "UTC"
    rows_per_day: int | None = None
    current_offset: int = 0
    progress_percent: float = 0.0
    next_run_at: datetime | None = None
    last_error: str | None = None


class Schedules(BaseModel):
    """Answer of `GET /schedules`."""

    items: list[ScheduleLine] = []
    total: int = 0
    page: int = 1
    pages: int = 1


class DeletionLine(BaseModel):
    """One record that would be deleted."""

    erp_key_hash: str
    target_uid: str | None = None
    rowversion: str | None = None


class Deletions(Listed):
    """Answer of `GET /sync/planned/{batch}/deletions`."""

    rows_deleted: int = 0
    items: list[DeletionLine] = []


class SupersededLine(BaseModel):
    """One row that another one stands for."""

    page_no: int
    row: int
    erp_key_hash: str
    rowversion: str | None = None


class SupersededRows(Listed):
    """Answer of `GET /sync/superseded/{batch}`."""

    items: list[SupersededLine] = []
