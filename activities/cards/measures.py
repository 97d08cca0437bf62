"""What the answers of the activities of `cards` say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from activities.measures import ActivityMeasures, Telling
from workflows.cards.contracts import Counters, Manifest, PurchaseOutcome, Reread, Settled, SyncResult
from workflows.cards.contracts.changes import Progressed

BULK_SYNC: Final = "bulk_sync"


def _staged(measures: ActivityMeasures, manifest: Manifest, seconds: float) -> None:
    measures.items("export", staged=manifest.product_count)
    measures.took("export", seconds)


def _chunk(measures: ActivityMeasures, counted: Counters, seconds: float) -> None:
    measures.items(BULK_SYNC, **counted.model_dump(exclude={"rows"}))
    measures.took("chunk", seconds)


def _lost_chunk(measures: ActivityMeasures, counted: Counters, _seconds: float) -> None:
    measures.items(BULK_SYNC, **counted.model_dump(exclude={"rows"}))


def _synced(measures: ActivityMeasures, result: SyncResult, _seconds: float) -> None:
    measures.items(BULK_SYNC, stale=result.stale, removed=result.removed, held=result.held)
    measures.ended(BULK_SYNC, result.status)


def _reread(measures: ActivityMeasures, reread: Reread, seconds: float) -> None:
    measures.items("reread", blueprints=reread.blueprints)
    measures.took("reread", seconds)


def _settled(measures: ActivityMeasures, settled: Settled, _seconds: float) -> None:
    measures.items("webhook", settled=settled.events)


def _changes(action: str) -> Telling:
    def tell(measures: ActivityMeasures, moved: Progressed, seconds: float) -> None:
        measures.items("change", **{action: moved.changes})
        measures.took("change", seconds)

    return tell


def _purchase(measures: ActivityMeasures, outcome: PurchaseOutcome, seconds: float) -> None:
    measures.ended("purchase", "completed" if outcome.purchased else "refused")
    measures.took("purchase", seconds)


TELLINGS: Final[Mapping[str, Telling]] = {
    "stage_export": _staged,
    "apply_chunk": _chunk,
    "lose_chunk": _lost_chunk,
    "finish_sync": _synced,
    "reread_contested": _reread,
    "reread_events": _reread,
    "reread_uncertain": _reread,
    "settle_events": _settled,
    "send_changes": _changes("sent"),
    "follow_job": _changes("followed"),
    "settle_changes": _changes("settled"),
    "verify_changes": _changes("verified"),
    "take_copies": _purchase,
}
