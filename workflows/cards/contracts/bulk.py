"""Wire models of the bulk sync."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from workflows.message import Message

BULK_SYNC_WORKFLOW: Final = "BulkSyncWorkflow"

SyncMode = Literal["bulk_sync", "periodic_sync"]
ExportStrategy = Literal["full", "by_expansion"]
Phase = Literal["queued", "starting", "downloading", "applying", "finishing", "done"]


def bulk_sync_id(user_id: UUID) -> str:
    """The workflow id is the single flight: one bulk sync per seller."""
    return f"bulk-sync:{user_id}"


class Counters(Message):
    """What became of the rows of a chunk, or of many (law L6).

    `rows` = created + updated + unchanged + contested + failed. `skipped` counts rows without a catalogue
    mapping; they are kept, so they are counted among the others too.
    """

    rows: int = Field(0, ge=0)
    created: int = Field(0, ge=0)
    updated: int = Field(0, ge=0)
    unchanged: int = Field(0, ge=0)
    skipped: int = Field(0, ge=0)
    contested: int = Field(0, ge=0)
    failed: int = Field(0, ge=0)

    def __add__(self, other: Counters) -> Counters:
        return Counters(**{name: getattr(self, name) + getattr(other, name) for name in Counters.model_fields})


class FanOut(Message):
    """Where the fan-out stands; carried through continue-as-new."""

    chunk_count: int = Field(0, ge=0)
    product_count: int = Field(0, ge=0)
    next_chunk: int = Field(0, ge=0)
    chunks_done: int = Field(0, ge=0)
    totals: Counters = Counters()
    failed_chunks: int = Field(0, ge=0)


class BulkSyncInput(Message):
    """Start of a bulk sync, or of its next run when `fan_out` is set."""

    user_id: UUID
    operation_id: UUID
    mode: SyncMode = "bulk_sync"
    force: bool = Field(False, description="accept a stock that shrank suspiciously")
    dry_run: bool = Field(False, description="report what differs, and change nothing")
    fan_out: FanOut | None = None


class OperationRef(Message):
    """Names one sync; all that most activities need."""

    user_id: UUID
    operation_id: UUID


class SyncPlan(Message):
    """Answer of `begin_sync`: the settings that shape this sync, fixed for its whole life."""

    window: int = Field(8, ge=1, le=100)
    chunks_per_run: int = Field(400, ge=1, le=1000)


class StageExport(OperationRef):
    """Ask for the export to be downloaded and cut into chunks."""

    strategy: ExportStrategy = "full"


class Manifest(Message):
    """What was staged: `checksum` is xxh3-64 hex over the keys and hashes of all rows in chunk order."""

    chunk_count: int = Field(ge=0)
    product_count: int = Field(ge=0)
    checksum: str = Field(max_length=64)
    complete: bool = Field(True, description="False when products outside any expansion could not be read")


class ApplyChunk(OperationRef):
    """Merge one staged chunk into the stock."""

    chunk_no: int = Field(ge=0)


class ChunkLost(OperationRef):
    """A chunk whose retry budget is spent; `reason` is an error class name."""

    chunk_no: int = Field(ge=0)
    reason: str = Field(max_length=100)


class Reread(Message):
    """How many contested blueprints were read again."""

    blueprints: int = Field(0, ge=0)


class FinishSync(OperationRef):
    """Close the sync: retire what the export lacks, or hold it when the stock shrank suspiciously."""

    force: bool = False
    failed_chunks: int = Field(0, ge=0)


class AbortSync(OperationRef):
    """End the sync without success; the code picks the sentence the seller reads."""

    code: str = Field(max_length=50)
    cancelled: bool = False


class SyncResult(Message):
    """Result of the workflow, and the numbers `GET /sync/progress` keeps showing."""

    status: Literal["completed", "completed_with_errors"] = "completed"
    totals: Counters = Counters()
    stale: int = Field(0, ge=0)
    removed: int = Field(0, ge=0)
    held: int = Field(0, ge=0)


class LiveProgress(Message):
    """Answer of the `progress` query."""

    phase: Phase = "queued"
    chunk_count: int = Field(0, ge=0)
    chunks_done: int = Field(0, ge=0)
    totals: Counters = Counters()
