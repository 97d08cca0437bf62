"""Begins and ends batches.

Idempotent: a batch that has begun answers its plan again, one that has ended its end. Nothing is deleted unless
`domain.pipeline.deletion` finds no reason against it; deletions are noted per call to the hub, so a repeat goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.bridge.announcing import announce
from activities.bridge.deleting import Deletion, Missing, missing
from activities.bridge.errors import (
    BatchClosed,
    BatchIncomplete,
    EntityDisabled,
    EntityUnknown,
    EntityUnusable,
    LawBroken,
)
from activities.bridge.measures import BATCH
from activities.measures import measures
from activities.support import beating, postponing
from clients.schedulehub import ScheduleHub
from db.bridge import batches, children, configuration, letters, pages, record_state, records, sync_state
from db.bridge.batches import Beginning, Ending, Work
from db.bridge.pages import Totals
from db.session import Database
from domain.pipeline import watermark as watermarks
from domain.pipeline.config import UniqueInBatch
from domain.pipeline.config_check import entity_problems, source_problems
from domain.pipeline.definition import Definition, definition
from domain.pipeline.deletion import SENTENCES
from domain.pipeline.watermark import Mark
from workflows.bridge.contracts import Abort, BatchPlan, BatchRef, Ended, EndStatus

FETCHED_WHOLE: Final = ("full", "incremental")
TOTAL_DIFFERS: Final = "TOTAL_DIFFERS"
NOT_DELETED: Final = "HUB_KEPT_ROWS"
_SENTENCES: Final[dict[str, str]] = {
    **{str(code): text for code, text in SENTENCES.items()},
    TOTAL_DIFFERS: "The source gave fewer rows than it said it has; the next full sync looks for them again.",
    NOT_DELETED: "The hub did not delete rows that are gone from the source; the next full sync tries again.",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a batch found out at its end."""

    deleted: int = 0
    refusal: str | None = None
    problem: str | None = None


class BatchLifecycle:
    """The first and the last step of a batch."""

    def __init__(self, database: Database, hub: ScheduleHub, plan: BatchPlan) -> None:
        self._database = database
        self._deletion = Deletion(database, hub)
        self._plan = plan

    @activity.defn
    async def begin_batch(self, request: BatchRef) -> BatchPlan:
        """Raises `BatchClosed`, `EntityUnknown`, `EntityDisabled`, `EntityUnusable` or database errors."""
        async with self._database.begin() as connection:
            work = await batches.lock(connection, request.batch_uid)
            if work is None or not work.is_open:
                raise BatchClosed
            if work.definition is not None:
                return self._planned(work, work.definition)
            obeyed = await _configured(connection, work)
            await batches.begin(connection, work.uid, await _beginning(connection, work, obeyed))
            await announce(connection, "sync.started", work)
            return self._planned(work, obeyed)

    @activity.defn
    async def finish_batch(self, request: BatchRef) -> Ended:
        """Raises `BatchClosed`, `BatchIncomplete`, the errors of the hub's client or database errors."""
        with postponing():
            async with beating():
                async with self._database.begin() as connection:
                    work = await batches.lock(connection, request.batch_uid)
                    if work is None or not (work.is_running or work.status.startswith("completed")):
                        raise BatchClosed
                    if not work.is_open:
                        return Ended(status=cast(EndStatus, work.status), deleted=work.rows_deleted)
                    totals = await _checked_totals(connection, work)
                    gone = await missing(connection, work, totals)
                verdict = await self._delete(work, totals, gone)
                return await self._close(work, verdict, gone)

    @activity.defn
    async def abort_batch(self, request: Abort) -> None:
        """End without success; one that has ended, or never was, is left alone."""
        # To drop what is staged of many pages takes a while.
        async with beating(), self._database.begin() as connection:
            work = await batches.lock(connection, request.batch_uid)
            aborted = await batches.abort(connection, request.batch_uid, code=request.code, cancelled=request.cancelled)
            if aborted:
                measures().ended(BATCH, "cancelled" if request.cancelled else "failed")
            if aborted and work is not None and work.is_running:
                await announce(connection, "sync.failed", work, {"code": request.code})

    def _planned(self, work: Work, obeyed: Definition) -> BatchPlan:
        # One page at a time where the first row with a value is to stand.
        ordered = any(isinstance(rule, UniqueInBatch) for one in obeyed.entity.mappings for rule in one.rules)
        window = 1 if ordered else self._plan.window
        shape = {"page_size": work.page_size, "most_pages": work.max_pages, "window": window}
        return self._plan.model_copy(update=shape)

    async def _delete(self, work: Work, totals: Totals, gone: Missing) -> Verdict:
        problem = TOTAL_DIFFERS if _fewer_than_said(work, totals) else None
        if gone.refusal is not None:
            # What is not there to be deleted needs no reason.
            return Verdict(refusal=gone.refusal, problem=gone.refusal if gone.keys else problem)
        if work.dry_run:
            return Verdict(len(gone.keys), problem=problem)
        kept = await self._deletion.delete(work, gone.keys)
        return Verdict(problem=NOT_DELETED if kept else problem)

    async def _close(self, work: Work, verdict: Verdict, gone: Missing) -> Ended:
        async with self._database.begin() as connection:
            current = await batches.lock(connection, work.uid)
            if current is None or not current.is_running:
                raise BatchClosed
            totals = await _checked_totals(connection, work)
            deleted = verdict.deleted
            if gone.proved and not work.dry_run:
                deleted = await record_state.count_deleted(connection, work.scope, work.uid)
                await letters.settle_gone(connection, work.scope, work.uid)
                await children.settle_gone(connection, work.scope, work.uid)
            woken = 0 if work.dry_run else await children.wake(connection, work.scope)
            failed = totals.metrics.rows_failed > 0 or verdict.problem is not None
            status: EndStatus = "completed_with_errors" if failed else "completed"
            if work.dry_run and not gone.refusal:
                await records.plan_deletions(connection, work.uid, gone.keys)
            await _end(connection, current, totals, replace(verdict, deleted=deleted), status)
            numbers = {"status": status, "rowsFetched": totals.metrics.rows_fetched, "rowsDeleted": deleted}
            failed_rows = {"rowsFailed": totals.metrics.rows_failed}
            await announce(connection, "sync.completed", work, {**numbers, **failed_rows})
        return Ended(status=status, deleted=deleted, parents_arrived=woken)


async def _configured(connection: AsyncConnection, work: Work) -> Definition:
    stored = await configuration.load(connection, work.scope.entity_name)
    if stored is None or stored.source_system != work.scope.source_system:
        raise EntityUnknown
    enabled = await configuration.is_enabled(connection, work.scope.entity_name)
    if not enabled:
        raise EntityDisabled
    # The batch says where it fetches: a start may name another connector.
    obeyed = definition(stored)
    if entity_problems(obeyed.entity, obeyed.source) or source_problems(obeyed.source):
        raise EntityUnusable
    return Definition(entity=obeyed.entity, source=obeyed.source, connector=work.connector, target=obeyed.target)


async def _beginning(connection: AsyncConnection, work: Work, obeyed: Definition) -> Beginning:
    since, stored = None, None
    if work.sync_type == "incremental":
        reached = await sync_state.watermark(connection, work.scope)
        since = reached and watermarks.start(reached, obeyed.entity.rowversion, obeyed.source.zones)
    if work.sync_type == "full":
        stored = await record_state.count_live(connection, work.scope)
    return Beginning(obeyed, since, stored)


async def _checked_totals(connection: AsyncConnection, work: Work) -> Totals:
    """Raises `BatchIncomplete`, `LawBroken`."""
    totals = await pages.totals(connection, work.uid)
    if totals.open:
        raise BatchIncomplete
    if not totals.metrics.conserved:
        raise LawBroken
    return totals


def _fewer_than_said(work: Work, totals: Totals) -> bool:
    reported = work.total_reported
    whole = work.sync_type in FETCHED_WHOLE and totals.reached_the_end
    return whole and reported is not None and totals.metrics.rows_fetched < reported


async def _end(connection: AsyncConnection, work: Work, totals: Totals, verdict: Verdict, status: EndStatus) -> None:
    marks = await pages.marks(connection, work.uid)
    reached = None if work.dry_run else await _reached(connection, work, totals, marks)
    metrics = replace(
        totals.metrics, rows_deleted=verdict.deleted, duration_ms=await batches.duration_ms(connection, work.uid)
    )
    code = verdict.problem
    ending = Ending(
        status=status,
        metrics=metrics,
        mark=_together(marks, work.obeyed),
        last_rowversion=reached,
        deletion_refused=verdict.refusal,
        error_code=code,
        error_message=code and _SENTENCES[code],
    )
    await batches.end(connection, work.uid, ending)
    if work.sync_type == "full" and not work.dry_run:
        await pages.keep_as_last_full(connection, work.scope, work.uid)
    else:
        await pages.drop(connection, work.uid)


async def _reached(connection: AsyncConnection, work: Work, totals: Totals, marks: list[Mark]) -> str | None:
    """Where the watermark is from now on; it moves only when everything up to it was fetched."""
    previous = await sync_state.watermark(connection, work.scope)
    config, zones = work.obeyed.entity.rowversion, work.obeyed.source.zones
    ceiling = work.ceiling
    if not totals.reached_the_end or work.sync_type in ("retry", "children"):
        return previous
    if work.schedule_uid is not None:
        ceiling, earlier = await batches.marks_of_schedule(connection, work.schedule_uid, before=work.uid)
        ceiling, marks = (work.ceiling if not earlier else ceiling), [*earlier, *marks]
    if work.sync_type == "full":
        # All was met that the source had when it began, also rows that were recalled by their bytes.
        marks = [*marks, Mark(highest=ceiling)]
    reached = watermarks.watermark(previous, marks, config, zones)
    moved = watermarks.capped(previous, reached, ceiling, config, zones)
    await sync_state.note(connection, work.scope, work.uid, moved)
    return moved


def _together(marks: list[Mark], obeyed: Definition) -> Mark:
    """The marks of all pages as one."""
    return watermarks.together(marks, obeyed.entity.rowversion, obeyed.source.zones)
