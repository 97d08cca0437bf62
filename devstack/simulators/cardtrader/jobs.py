"""Bulk jobs: accepted at once, applied item by item after a delay, whether or not anybody asks for the result."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

JobState: TypeAlias = Literal["pending", "running", "completed", "unprocessable"]


class JobResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of one item; `job_index` is its position in the request."""

    result: Literal["ok", "warning", "error"]
    job_index: int
    product_id: int | None = None
    warnings: dict[str, dict[str, list[str]]] | None = None
    errors: dict[str, list[str]] | None = None


class JobView(msgspec.Struct, frozen=True):
    """What `GET /jobs/{uuid}` shows."""

    uuid: str | None
    state: str
    spawned_children: int | None
    stats: dict[str, int]
    results: list[JobResult]
    started_at: str | None = None
    ended_at: str | None = None
    duration: float | None = None


UNKNOWN_JOB = JobView(None, "unknown", None, {}, [])


class Job(msgspec.Struct):
    """One bulk call on its way."""

    uuid: str
    items: int
    state: JobState = "pending"
    results: list[JobResult] = msgspec.field(default_factory=list)
    started_at: str | None = None
    ended_at: str | None = None
    duration: float | None = None

    def view(self, *, partial_results: bool) -> JobView:
        """The job as the API shows it now."""
        results = self.results if partial_results or self.state == "completed" else []
        counted = Counter(result.result for result in results)
        stats = {name: counted[name] for name in ("ok", "warning", "error")}
        return JobView(self.uuid, self.state, self.items, stats, results, self.started_at, self.ended_at, self.duration)


class JobPlan(msgspec.Struct, frozen=True):
    """How long a job takes (seconds) and whether it is processed at all."""

    pending: float
    running: float
    is_processed: bool


async def run_job(
    job: Job, items: Sequence[object], apply: Callable[[int, object], JobResult], plan: JobPlan, now: Callable[[], str]
) -> None:
    """Take a job through its states."""
    await asyncio.sleep(plan.pending)
    job.started_at = now()
    if not plan.is_processed:
        job.state, job.ended_at = "unprocessable", now()
        return
    job.state = "running"
    for index, item in enumerate(items):
        job.results.append(apply(index, item))
    await asyncio.sleep(plan.running)
    job.state, job.ended_at, job.duration = "completed", now(), plan.running
