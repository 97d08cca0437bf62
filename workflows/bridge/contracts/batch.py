"""Wire models of a batch: what begins it, its pages, what became of their rows, how it ends."""

from __future__ import annotations

import hashlib
from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from workflows.message import Message

BRIDGE_BATCH_WORKFLOW: Final = "BridgeBatchWorkflow"
MOST_ROWS_PER_PAGE: Final = 10_000
MEMO_BATCH: Final = "batch_uid"
MOST_FAIRNESS_BYTES: Final = 64

SyncType = Literal["full", "incremental", "background", "retry", "children"]
EndStatus = Literal["completed", "completed_with_errors"]


def bridge_batch_id(source_system: str, entity_name: str) -> str:
    """The workflow id is the single flight: one batch per source and entity."""
    return f"bridge-batch:{source_system}:{entity_name}"


def bridge_fairness(source_system: str, entity_name: str) -> str:
    """Names an entity's source to Temporal's scheduler, which refuses a start whose key is above 64 bytes."""
    name = f"{source_system}:{entity_name}"
    return name if len(name.encode()) <= MOST_FAIRNESS_BYTES else hashlib.sha256(name.encode()).hexdigest()


class BatchRef(Message):
    """Names one batch: a row of `sync_batches`, where everything else about it stands."""

    batch_uid: UUID


class PageRef(BatchRef):
    """One page, counted from 1. `rows`: at most so many on it; None means the page size of the batch."""

    page_no: int = Field(1, ge=1)
    rows: int | None = Field(None, ge=1, le=MOST_ROWS_PER_PAGE)


class BatchPlan(Message):
    """Answer of `begin_batch`: what shapes this batch, fixed for its whole life.

    `window`: pages between the first byte of a fetch and the end of processing. `most_pages`: None, until the last one.
    """

    page_size: int = Field(1000, ge=1, le=MOST_ROWS_PER_PAGE)
    most_pages: int | None = Field(None, ge=1)
    window: int = Field(3, ge=1, le=20)
    pages_per_run: int = Field(400, ge=1, le=1000)


class Fetched(Message):
    """Answer of `fetch_page`. `last`: no page comes after it. `reported`: the total that the source told, if it did."""

    rows: int = Field(0, ge=0)
    last: bool = False
    reported: int | None = Field(None, ge=0)


class PageCounts(Message):
    """What became of the rows of a page, or of many (law L6): `rows` is the sum of the others."""

    rows: int = Field(0, ge=0)
    inserted: int = Field(0, ge=0)
    updated: int = Field(0, ge=0)
    skipped: int = Field(0, ge=0)
    pending: int = Field(0, ge=0)
    failed: int = Field(0, ge=0)

    def __add__(self, other: PageCounts) -> PageCounts:
        return PageCounts(**{name: getattr(self, name) + getattr(other, name) for name in PageCounts.model_fields})


class Ended(Message):
    """Answer of `finish_batch`. `parents_arrived`: children that wait for rows of this batch, and were woken."""

    status: EndStatus = "completed"
    deleted: int = Field(0, ge=0)
    parents_arrived: int = Field(0, ge=0)


class Abort(BatchRef):
    """End the batch without success; the code picks the sentence a person reads."""

    code: str = Field(max_length=50)
    cancelled: bool = False


class Progress(Message):
    """Where a batch stands; carried through continue-as-new, when no page is in flight."""

    next_page: int = Field(1, ge=1)
    pages_done: int = Field(0, ge=0)
    reported: int | None = Field(None, ge=0)
    totals: PageCounts = PageCounts()


class BatchRun(BatchRef):
    """Start of a batch, or of its next run when `progress` is set."""

    source_system: str = Field(max_length=100)
    entity_name: str = Field(max_length=100)
    sync_type: SyncType = "incremental"
    dry_run: bool = False
    progress: Progress | None = None


class BatchResult(Message):
    """Result of the workflow."""

    status: EndStatus = "completed"
    pages: int = Field(0, ge=0)
    totals: PageCounts = PageCounts()
    deleted: int = Field(0, ge=0)


class LiveBatch(Message):
    """Answer of the `progress` query."""

    pages_fetched: int = Field(0, ge=0)
    pages_done: int = Field(0, ge=0)
    reported: int | None = Field(None, ge=0)
    totals: PageCounts = PageCounts()
