"""What `stats` and `metrics` tell, made of the counts of the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from pydantic import BaseModel, Field

from db.bridge.monitoring import Counts


class BatchStats(BaseModel):
    """Batches of the history."""

    total_batches: int = Field(description="all of them")
    by_status: dict[str, int] = Field(description="by status")
    by_entity: dict[str, int] = Field(description="by entity")


class FailedStats(BaseModel):
    """Open dead letters."""

    total_failed: int = Field(description="all of them")
    by_error_type: dict[str, int] = Field(description="by code")
    by_stage: dict[str, int] = Field(description="by stage")
    by_entity: dict[str, int] = Field(description="by entity")
    retryable: int = Field(description="met again less often than their own limit")
    max_retry_exceeded: int = Field(description="at their own limit")


class PendingStats(BaseModel):
    """Waiting children."""

    total_pending: int = Field(description="all of them")
    by_parent: dict[str, int] = Field(description="by the parent's entity")
    by_entity: dict[str, int] = Field(description="by their own entity")
    max_retry_exceeded: int = Field(description="at their limit; they become failed records")


class SyncStats(BaseModel):
    """Everything at one moment."""

    batches: BatchStats = Field(description="the history")
    failed_records: FailedStats = Field(description="open dead letters")
    pending_children: PendingStats = Field(description="waiting children")
    generated_at: datetime = Field(description="the moment")


def statistics(counts: Counts, now: datetime) -> SyncStats:
    """The sums that people ask for."""
    letters, children = counts.letters, counts.children
    return SyncStats(
        batches=BatchStats(
            total_batches=sum(each.count for each in counts.batches),
            by_status=_sums((each.status, each.count) for each in counts.batches),
            by_entity=_sums((each.entity, each.count) for each in counts.batches),
        ),
        failed_records=FailedStats(
            total_failed=sum(each.count for each in letters),
            by_error_type=_sums((each.error_type, each.count) for each in letters),
            by_stage=_sums((each.stage, each.count) for each in letters),
            by_entity=_sums((each.entity, each.count) for each in letters),
            retryable=sum(each.count for each in letters if not each.exhausted),
            max_retry_exceeded=sum(each.count for each in letters if each.exhausted),
        ),
        pending_children=PendingStats(
            total_pending=sum(each.count for each in children),
            by_parent=_sums((each.parent, each.count) for each in children),
            by_entity=_sums((each.entity, each.count) for each in children),
            max_retry_exceeded=sum(each.count for each in children if each.exhausted),
        ),
        generated_at=now,
    )


def exposition(counts: Counts, now: datetime) -> bytes:
    """The same for Prometheus. No entity becomes a label: whoever may scrape may not know them."""
    registry = CollectorRegistry()
    registry.register(_Page(list(_families(counts, now))))
    return generate_latest(registry)


class _Page:
    """A collector of what is collected already."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """As prometheus_client asks for it."""
        return self._families


def _families(counts: Counts, now: datetime) -> Iterator[Metric]:
    shown = statistics(counts, now)
    failed = shown.failed_records
    yield _gauge("syncflow_batches_total", "Batches of the history", shown.batches.total_batches)
    yield _gauges("syncflow_batches_by_status", "Batches by status", "status", shown.batches.by_status)
    yield _gauge("syncflow_failed_records_total", "Open dead letters", failed.total_failed)
    yield _gauge("syncflow_failed_records_retryable", "Those below their own limit", failed.retryable)
    yield _gauges("brx_sync_bridge_failed_records", "Open dead letters by stage", "stage", failed.by_stage)
    waiting = shown.pending_children.total_pending
    yield _gauge("brx_sync_bridge_pending_children", "Children without their parents", waiting)
    since = counts.oldest_open_batch
    age = 0.0 if since is None else max(0.0, (now - since).total_seconds())
    yield _gauge("brx_sync_bridge_oldest_open_batch_seconds", "Age of the oldest batch that has not ended", age)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _gauges(name: str, help_text: str, label: str, values: dict[str, int]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, count in values.items():
        family.add_metric([value], count)
    return family


def _sums(parts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums = Counter[str]()
    for name, count in parts:
        sums[name] += count
    return dict(sorted(sums.items()))
