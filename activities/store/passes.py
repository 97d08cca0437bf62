"""The activities of a shop's workflow: one pass over its queue, one page of reading back.

Idempotent: where everything stands is in the database; see `activities.store.lanes` and `db.store.pushes`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta

from temporalio import activity

from activities.store.lanes import Backoff, Pushing, side_by_side
from activities.support import beating
from clients.central import CentralClient, CentralDenied, CentralRefused, CentralUnavailable
from db.session import Database
from db.store import pushes, queue
from db.store.queue import Pass, ToRead, Work
from domain.store.pushing import BATCH, Lane, PassCounts, lanes, wait_seconds
from workflows.store.contracts import PushReport, StockRead, StoreRef

_A_MOMENT = timedelta(seconds=1)


def backoff_within(interval: timedelta) -> Backoff:
    """1, 2, 4, ... 32 s, then the time between two sweeps."""
    return lambda failures: timedelta(seconds=wait_seconds(failures, int(interval.total_seconds())))


class StorePasses:
    """`central` None: none is configured, and everything waits."""

    def __init__(
        self,
        database: Database,
        central: CentralClient | None,
        *,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._central, self._clock = database, central, clock
        self._backoff = backoff

    @activity.defn
    async def push_changes(self, ref: StoreRef) -> PushReport:
        """Push up to a hundred movements; what may follow, and when."""
        work = await self._look(ref)
        if work is None or self._central is None:
            return PushReport(store_id=ref.store_id)
        if work.wait:
            return _report(ref, wait=work.wait)
        plan = lanes(work.queue, work.blocked)
        if not plan:
            return _report(ref, work, wait=work.resumes)
        return await self._pass(ref, self._central, work, plan)

    async def _pass(self, ref: StoreRef, central: CentralClient, work: Work, plan: list[Lane]) -> PushReport:
        began, wait = self._clock(), self._backoff(work.failed_passes + 1)
        pushing = Pushing(self._database, central, self._clock, wait=wait, backoff=self._backoff)
        async with beating() as beat:
            beat.phase = "push"
            await pushing.run(plan)
        done = Pass(pushing.counts, self._clock() - began, pushing.responses, pushing.response_seconds)
        async with self._database.begin() as connection:
            await queue.book(connection, ref.store_id, done, wait=wait if pushing.is_away else None)
        return await self._after(ref, pushing, wait)

    async def _after(self, ref: StoreRef, pushing: Pushing, wait: timedelta) -> PushReport:
        counts = pushing.counts
        left = await self._look(ref)
        if pushing.is_away or left is None:
            return _report(ref, wait=wait if pushing.is_away else None, counts=counts)
        if lanes(left.queue, left.blocked, 1):
            # Without progress somebody else is at it: no reason to look again at once.
            return _report(ref, left, more=counts.attempts > 0, wait=_A_MOMENT, counts=counts)
        return _report(ref, left, wait=left.resumes, counts=counts)

    @activity.defn
    async def read_stock(self, ref: StoreRef) -> StockRead:
        """Read back up to a hundred items that were pushed, or not looked at for long."""
        central = self._central
        if central is None:
            return StockRead(store_id=ref.store_id)
        async with self._database.begin() as connection:
            page = await queue.to_read(connection, ref.store_id, after=0, most=BATCH)
        reading = _Reading(self._database, central)
        async with beating() as beat:
            beat.phase = "read"
            await side_by_side(page, reading.read)
        if reading.is_away:
            await self._close_gate(ref)
        more = len(page) == BATCH and not reading.is_away
        return StockRead(store_id=ref.store_id, items=reading.items, moved=reading.moved, more=more)

    async def _close_gate(self, ref: StoreRef) -> None:
        async with self._database.begin() as connection:
            failed = await queue.failed_passes(connection, ref.store_id)
            await queue.away(connection, ref.store_id, self._backoff(failed + 1))

    async def _look(self, ref: StoreRef) -> Work | None:
        async with self._database.begin() as connection:
            return await queue.look(connection, ref.store_id)


class _Reading:
    """Items read side by side, until central is away."""

    def __init__(self, database: Database, central: CentralClient) -> None:
        self._database, self._central = database, central
        self.items = self.moved = 0
        self.is_away = False

    async def read(self, item: ToRead) -> bool:
        try:
            found = await self._central.read(item.sku)
        except (CentralUnavailable, CentralDenied):
            self.is_away = True
            return False
        except CentralRefused:
            found = None
        async with self._database.begin() as connection:
            if found is None:
                await queue.unreadable(connection, item.item_id)
            elif await pushes.read_back(connection, item.item_id, item.known_version, found):
                self.moved += 1
        self.items += 1
        return True


def _report(
    ref: StoreRef,
    work: Work | None = None,
    *,
    wait: timedelta | None = None,
    more: bool = False,
    counts: PassCounts | None = None,
) -> PushReport:
    """Whole seconds, rounded up: to come a little late costs less than to come in vain."""
    seconds = 0 if wait is None else max(math.ceil(wait.total_seconds()), 1)
    reads = work is not None and work.to_read
    done = counts or PassCounts()
    return PushReport(
        store_id=ref.store_id,
        pushed=done.pushed,
        conflicts=done.conflicts,
        failures=done.failures,
        more=more,
        to_read=reads,
        wait_seconds=seconds,
    )
