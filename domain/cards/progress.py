"""What a sync's operation row says about its progress: numbers for a person, from counters and clocks.

`Projection` is the shape of `sync_operations.operation_metadata`; its writers only ever add fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Self

import msgspec

from domain.cards.drift import DriftSummary

State = Literal["pending", "running", "completed", "completed_with_errors", "failed", "cancelled"]
SeedStatus = Literal["pending", "completed", "failed"]
Phase = Literal["queued", "starting", "downloading", "applying", "finishing", "done"]

OPEN: Final[tuple[State, ...]] = ("pending", "running")
SUCCEEDED: Final[tuple[State, ...]] = ("completed", "completed_with_errors")


class Failure(msgspec.Struct, frozen=True):
    """Why a sync ended without success: a stable code and a sentence."""

    code: str
    message: str


class Counts(msgspec.Struct, frozen=True):
    """Chunks and rows applied so far (`processed` = created + updated + unchanged + contested + failed)."""

    processed_chunks: int = 0
    processed: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    contested: int = 0
    failed: int = 0


class Projection(Counts, frozen=True):
    """The recorded story of one operation. Counters are final once `phase` is done.

    Of an edit, a deletion or new listings: `action`, the item if there is one, and at the end how many `changes` there
    were, and of these how many were `verified`, `failed` and `cancelled`.
    """

    mode: str = "bulk_sync"
    force: bool = False
    dry_run: bool = False
    blueprint_id: int | None = None
    phase: Phase = "queued"
    started_at: datetime | None = None
    applying_since: datetime | None = None
    total_chunks: int = 0
    total_products: int = 0
    stale: int = 0
    removed: int = 0
    held: int = 0
    drift: DriftSummary | None = None
    action: str | None = None
    item_id: int | None = None
    changes: int = 0
    verified: int = 0
    cancelled: int = 0
    error: Failure | None = None

    def with_counts(self, live: Counts) -> Self:
        """Show the live counters, unless more was recorded already (they go when the sync ends)."""
        if live.processed_chunks <= self.processed_chunks:
            return self
        return msgspec.structs.replace(self, **msgspec.structs.asdict(live))

    def interrupted(self, failure: Failure) -> Self:
        """The story of a sync that stopped without telling."""
        return msgspec.structs.replace(self, phase="done", error=failure)


@dataclass(frozen=True, slots=True)
class Progress:
    """Derived numbers: percent 0..100 (100 only when done), rows per second, seconds left (None = unknown)."""

    percent: int
    rate_per_second: float | None
    eta_seconds: int | None
    phase: Phase


def seed_status(state: State) -> SeedStatus:
    """The three-word vocabulary of the first API."""
    if state in OPEN:
        return "pending"
    return "completed" if state in SUCCEEDED else "failed"


def progress(state: State, story: Projection, at: datetime) -> Progress:
    """Progress as of `at`: now while the sync is open, its end afterwards."""
    rate = _rate(story, at)
    return Progress(
        percent=_percent(state, story),
        rate_per_second=rate,
        eta_seconds=_eta(story, rate) if state == "running" else None,
        phase=_phase(state, story),
    )


def _phase(state: State, story: Projection) -> Phase:
    if state == "pending":
        return "queued"
    if state != "running":
        return "done"
    return "starting" if story.phase in ("queued", "done") else story.phase


def _percent(state: State, story: Projection) -> int:
    if state in SUCCEEDED:
        return 100
    if story.total_products <= 0:
        return 0
    return max(0, min(99, story.processed * 100 // story.total_products))


def _rate(story: Projection, at: datetime) -> float | None:
    if story.applying_since is None or story.processed <= 0:
        return None
    seconds = (at - story.applying_since).total_seconds()
    return round(story.processed / seconds, 1) if seconds > 0 else None


def _eta(story: Projection, rate: float | None) -> int | None:
    if not rate:
        return None
    left = max(0, story.total_products - story.processed)
    return int(-(-left // rate))
