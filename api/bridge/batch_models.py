"""Bodies and answers about batches; names of the seed guide stay as they are there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from api.bridge.mapping_models import Body, FieldName
from api.bridge.parameters import Name, Paged
from api.parameters import MAX_INT, WHOLE, Flag, Text
from db.bridge.history import Batch
from domain.pipeline.deletion import SENTENCES

SMALLEST_PAGE: Final = 100
LARGEST_PAGE: Final = 10_000

BatchStatus = Literal["pending", "running", "completed", "completed_with_errors", "failed", "cancelled"]
StartableType = Literal["full", "incremental", "background"]
EntityRef = Annotated[Text, StringConstraints(min_length=1, max_length=100)]


class StartBody(Body):
    """A batch to start."""

    entity_name: EntityRef = Field(description="name or uid of the entity")
    connector_api_slug: Name | None = Field(
        None, description="must be the entity's; with the key, it defines an entity that is not known yet"
    )
    business_key_fields: list[FieldName] | None = Field(
        None, min_length=1, max_length=50, description="must be the entity's; with the slug, as above"
    )
    sync_type: StartableType = Field(
        "incremental",
        description="full: every row, and what is gone is deleted; incremental: from the watermark on; "
        "background: every row, and nothing is deleted",
    )
    page_size: Annotated[int, Field(ge=SMALLEST_PAGE, le=LARGEST_PAGE, strict=True), WHOLE] | None = Field(
        None, description="rows per page; null: DEFAULT_BATCH_SIZE"
    )
    max_pages: Annotated[int, Field(ge=1, le=MAX_INT, strict=True), WHOLE] | None = Field(
        None, description="end after so many pages; null: after the last"
    )
    dry_run: Flag = Field(False, description="do everything but tell the hub, and keep a sample of what would change")
    force: Flag = Field(False, description="delete what is gone even if it is more than 10 % of the rows")


class Started(BaseModel):
    """The batch is registered and starts."""

    success: Literal[True] = Field(True, description="always true")
    batch_uid: UUID = Field(description="id of the batch, pollable at once")
    entity_name: str = Field(description="the entity")
    sync_type: str = Field(description="full, incremental or background")
    message: str = Field("Sync started successfully", description="one sentence")
    started_at: datetime = Field(description="when it was registered")


class StopRequested(BaseModel):
    """The batch stops: pages in progress finish, no other begins."""

    success: Literal[True] = Field(True, description="always true")
    message: str = Field(description="one sentence")
    batch_uid: UUID = Field(description="id of the batch")


class BatchMetrics(BaseModel):
    """The 17 metrics. Rows fetched = inserted + updated + skipped + pending + failed, of every page and in total."""

    rows_fetched: int = Field(description="rows that came from the source")
    rows_normalized: int = Field(description="rows whose values are of their types")
    rows_validated: int = Field(description="rows that keep the rules")
    rows_mapped: int = Field(description="rows in the form of the target")
    rows_identified: int = Field(description="rows with a key, a hash and a readable rowversion")
    rows_inserted: int = Field(description="rows that are new at the hub")
    rows_updated: int = Field(description="rows that were changed at the hub")
    rows_deleted: int = Field(description="rows that were gone from the source; not among those fetched")
    rows_skipped: int = Field(description="rows that are unchanged, older than what is known, or superseded")
    rows_pending: int = Field(description="children that wait for their parent")
    rows_failed: int = Field(description="rows that failed; see failed-records")
    pages_fetched: int = Field(description="pages that came from the source")
    bytes_fetched: int = Field(description="their size as sent")
    retries: int = Field(description="how often a page was tried again")
    duration_ms: int = Field(description="from the start to the end, or until now")
    rows_per_second: float = Field(description="rows fetched in that time")
    success_rate: float = Field(description="percent of the fetched rows that did not fail, rounded down")


class BatchItem(BatchMetrics):
    """One batch of the history."""

    batch_uid: UUID = Field(description="id of the batch")
    entity_name: str = Field(description="the entity")
    source_system: str = Field(description="where its rows come from")
    sync_type: str = Field(description="full, incremental, background, retry or children")
    status: BatchStatus = Field(description="where it stands")
    dry_run: Flag = Field(description="whether the hub was told nothing")
    total_records: int = Field(description="rows of the source by its own word; those fetched where it told none")
    records_processed: int = Field(description="rows whose fate is known")
    records_inserted: int = Field(description="rows_inserted")
    records_updated: int = Field(description="rows_updated")
    records_deleted: int = Field(description="rows_deleted")
    records_skipped: int = Field(description="rows_skipped")
    records_failed: int = Field(description="rows_failed")
    started_at: datetime | None = Field(description="when work on it began")
    completed_at: datetime | None = Field(description="when it ended")
    created_at: datetime = Field(description="when it was registered")

    @classmethod
    def of(cls, batch: Batch, now: datetime) -> BatchItem:
        """As it is listed."""
        return cls(**_item(batch, now))


class BatchState(BatchItem):
    """One batch, whole."""

    connector_api_slug: str = Field(description="APISmith's slug of the query")
    page_size: int = Field(description="rows per page")
    max_pages: int | None = Field(description="the most pages that were asked for")
    force: Flag = Field(description="whether many deletions were allowed")
    requested_by: str | None = Field(description="who asked for it; null: a schedule")
    last_rowversion: str | None = Field(description="the watermark that it left")
    deletion_refused: str | None = Field(description="why what is gone was not deleted: a code; null: it was")
    deletion_refused_message: str | None = Field(description="the same for people")
    error_code: str | None = Field(description="why it ended without success, for programs")
    error_message: str | None = Field(description="the same for people")

    @classmethod
    def of(cls, batch: Batch, now: datetime) -> BatchState:
        """As it is shown."""
        refused = batch.deletion_refused
        return cls(
            **_item(batch, now),
            connector_api_slug=batch.connector_api_slug,
            page_size=batch.page_size,
            max_pages=batch.max_pages,
            force=batch.force,
            requested_by=batch.requested_by,
            last_rowversion=batch.last_rowversion,
            deletion_refused=refused,
            deletion_refused_message=next((text for code, text in SENTENCES.items() if code == refused), None),
            error_code=batch.error_code,
            error_message=batch.error_message,
        )


class BatchPage(Paged):
    """Batches, newest first."""

    items: list[BatchItem] = Field(description="the batches of this page")


class PlannedChange(BaseModel):
    """What would become of one row."""

    row: int = Field(description="its place in its page, from 0")
    change: str = Field(description="insert, update, pending or failed")
    record: dict[str, Any] | None = Field(None, description="what the hub would be told")
    stage: str | None = Field(None, description="where it would fail")
    code: str | None = Field(None, description="why it would fail")


class DryRun(BaseModel):
    """A sample of the planned changes of a dry run; the counts are in the batch's status."""

    batch_uid: UUID = Field(description="id of the batch")
    dry_run: Flag = Field(description="whether it was one; else nothing is kept")
    status: BatchStatus = Field(description="where the batch stands")
    changes: list[PlannedChange] = Field(description="the first twenty")


def _item(batch: Batch, now: datetime) -> dict[str, Any]:
    metrics = batch.metrics_at(now)
    counted = {f"records_{fate}": getattr(metrics, f"rows_{fate}") for fate in _FATES}
    return {
        **metrics.as_dict(),
        **counted,
        "batch_uid": batch.uid,
        "total_records": metrics.rows_fetched if batch.total_reported is None else batch.total_reported,
        "records_processed": metrics.accounted_for,
        **{name: getattr(batch, name) for name in _PLAIN},
    }


_FATES: Final = ("inserted", "updated", "deleted", "skipped", "failed")
_PLAIN: Final = (
    "entity_name",
    "source_system",
    "sync_type",
    "status",
    "dry_run",
    "started_at",
    "completed_at",
    "created_at",
)
