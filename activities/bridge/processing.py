"""Stages 2 to 9 of one page.

Idempotent: the outcome of a page is one transaction (state, dead letters, waiting children, metrics), in which its rows
are dropped; a repeat finds it. A crash between the hub and that transaction repeats the page, to the same outcome at
the hub. Pages with a key in common are never under way at the same time, so the later one sees what the earlier told.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities.bridge.committing import Outcomes, commit
from activities.bridge.errors import BatchClosed, BatchIncomplete, KeysUnderWay
from activities.bridge.examining import (
    Examined,
    Judged,
    arrive,
    decided,
    examine,
    examine_again,
    judged,
    wanted_parents,
)
from activities.bridge.recalling import Arrived, Recalled, may_recall, nothing, recall
from activities.bridge.telling import Conversation, Heard
from activities.support import beating, postponing
from clients.schedulehub import ScheduleHub
from db.bridge import batches, letters, pages, record_state
from db.bridge.batches import Work
from db.bridge.pages import Claimed
from db.bridge.record_state import Scope
from db.session import Database
from domain.pipeline import kept, key_sets
from domain.pipeline.key_sets import packed
from domain.pipeline.metrics import Metrics
from workflows.bridge.contracts import PageCounts, PageRef

MOVED: Final = 0.05


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at one page."""

    work: Work
    page_no: int
    claimed: Claimed
    payload: bytes


class PageProcessing:
    """Processes the pages of batches."""

    def __init__(self, database: Database, hub: ScheduleHub, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock

    @activity.defn
    async def process_page(self, request: PageRef) -> PageCounts:
        """One page, once. Raises `BatchClosed`, `BatchIncomplete`, the errors of the hub's client, database errors."""
        with postponing():
            async with beating():
                attempt = await self._claim(request)
                if isinstance(attempt, Metrics):
                    return counts(attempt)
                began = self._clock()
                verdict = await self._judge(attempt)
                heard = Heard() if attempt.work.dry_run else await self._tell(attempt, verdict)
                took = round((self._clock() - began) * 1000)
                return counts(await self._commit(attempt, verdict, heard, took))

    async def _claim(self, request: PageRef) -> Attempt | Metrics:
        """What to do, or what was done before."""
        async with self._database.begin() as connection:
            work = await _running(connection, request.batch_uid)
            claimed = await pages.claim(connection, request.batch_uid, request.page_no)
        if claimed is None:
            raise BatchIncomplete
        if claimed.payload is None:
            return claimed.counted
        return Attempt(work, request.page_no, claimed, claimed.payload)

    async def _judge(self, attempt: Attempt) -> Judged:
        arrived = await asyncio.to_thread(arrive, attempt.payload, attempt.work.obeyed)
        examined = await self._examined(attempt, arrived)
        async with self._database.begin() as connection:
            await _running(connection, attempt.work.uid)
            await _hold_keys(connection, attempt, examined)
            examined = await _with_taken_values(connection, attempt, examined)
            return await _looked_up(connection, attempt.work, examined)

    async def _examined(self, attempt: Attempt, arrived: Arrived) -> Examined:
        definition = attempt.work.obeyed
        if attempt.claimed.letters:
            async with self._database.begin() as connection:
                found = await letters.kept_of(connection, attempt.claimed.letters)
            return await asyncio.to_thread(examine_again, arrived, list(map(kept.unpack, found)), definition)
        recalled = await self._recalled(attempt, arrived)
        examined = await asyncio.to_thread(examine, arrived, recalled, definition)
        if examined.is_at_odds:
            examined = await asyncio.to_thread(examine, arrived, nothing(arrived), definition)
        return examined

    async def _recalled(self, attempt: Attempt, arrived: Arrived) -> Recalled:
        """Rows that are known to the byte; a page that tells of one of them meanwhile comes after this one."""
        work, page_no = attempt.work, attempt.page_no
        if work.sync_type != "full" or not may_recall(work.obeyed):
            return nothing(arrived)
        async with self._database.begin() as connection:
            await record_state.by_index(connection)
            for neighbours in (0, 1):
                keys = await pages.keys_of_last_full(connection, work.scope, page_no, neighbours=neighbours)
                known = await record_state.remembered(connection, work.scope, work.uid, keys)
                found = recall(arrived, known)
                # Rows that came and went have moved others over the edges of the page.
                if not keys or len(found.rest) <= len(arrived.rows) * MOVED:
                    break
        return found

    async def _tell(self, attempt: Attempt, verdict: Judged) -> Heard:
        records = await asyncio.to_thread(verdict.records)
        return await Conversation(self._hub, attempt.work.obeyed.target).tell(records)

    async def _commit(self, attempt: Attempt, verdict: Judged, heard: Heard, took_ms: int) -> Metrics:
        outcomes = await asyncio.to_thread(Outcomes.of, verdict, heard)
        async with self._database.begin() as connection:
            work = await _running(connection, attempt.work.uid)
            return await commit(connection, work, attempt.page_no, attempt.claimed, outcomes, took_ms)


async def _running(connection: AsyncConnection, batch_uid: UUID) -> Work:
    """The batch, which cannot end before the transaction does."""
    work = await batches.fence(connection, batch_uid)
    if work is None or not work.is_running:
        raise BatchClosed
    return work


async def _hold_keys(connection: AsyncConnection, attempt: Attempt, examined: Examined) -> None:
    """Wait until no other page has one of the keys: else two could tell the hub of one row in either order."""
    await pages.one_at_a_time(connection, attempt.work.uid)
    under_way = await pages.keys_under_way(connection, attempt.work.uid, attempt.page_no)
    if under_way and key_sets.overlap(examined.keys, under_way):
        raise KeysUnderWay
    await pages.hold_keys(connection, attempt.work.uid, attempt.page_no, examined.keys)


async def _with_taken_values(connection: AsyncConnection, attempt: Attempt, examined: Examined) -> Examined:
    """With the rows failed whose value of a unique field an earlier page of the batch has."""
    taken = {
        field: frozenset(await pages.take_values(connection, attempt.work.uid, attempt.page_no, field, sorted(digests)))
        for field, digests in examined.page.unique.items()
    }
    if not any(taken.values()):
        return examined
    if examined.kept:
        return await asyncio.to_thread(examine_again, examined.arrived, examined.kept, examined.definition, taken)
    return await asyncio.to_thread(examine, examined.arrived, examined.recalled, examined.definition, taken)


async def _looked_up(connection: AsyncConnection, work: Work, examined: Examined) -> Judged:
    """Stages 6 and 7, with what is known of the rows and of their parents."""
    known = examined.known
    keys, datas = packed(known["key"].to_list()), packed(known["data"].to_list())
    await record_state.by_index(connection)
    compared = await record_state.compared(connection, work.scope, work.uid, keys, datas, known["rowversion"].to_list())
    decision = await asyncio.to_thread(decided, examined, compared)
    parents = {
        entity: await record_state.known(connection, Scope(work.scope.source_system, entity), keys.to_list())
        for entity, keys in wanted_parents(decision[0], work.obeyed).items()
    }
    return await asyncio.to_thread(judged, examined, decision, compared, parents)


def counts(metrics: Metrics) -> PageCounts:
    """What the workflow is told of a page."""
    return PageCounts(
        rows=metrics.rows_fetched,
        inserted=metrics.rows_inserted,
        updated=metrics.rows_updated,
        skipped=metrics.rows_skipped,
        pending=metrics.rows_pending,
        failed=metrics.rows_failed,
    )
