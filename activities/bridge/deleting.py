"""What a full sync did not meet: found by its keys, deleted at the hub, then in the state."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.bridge.telling import parts
from clients.schedulehub import ScheduleHub
from db.bridge import pages, record_state
from db.bridge.batches import Work
from db.bridge.pages import Totals
from db.session import Database
from domain.pipeline import key_sets
from domain.pipeline.deletion import FullSync, Refusal, refusal


@dataclass(frozen=True, slots=True)
class Missing:
    """Keys of live rows that a full sync did not meet, and why they are not deleted.

    `proved`: everything that it did not meet is gone from the source.
    """

    keys: list[bytes] = field(default_factory=list)
    refusal: Refusal | None = None
    proved: bool = False


async def missing(connection: AsyncConnection, work: Work, totals: Totals) -> Missing:
    """Keys are only compared where the numbers say that rows are missing."""
    if work.sync_type != "full":
        return Missing()
    if not totals.reached_the_end:
        return Missing(refusal="NOT_FULL")
    stored = work.stored_before or 0
    met = await pages.met_keys(connection, work.uid)
    repeated = totals.metrics.rows_fetched - totals.without_key - await asyncio.to_thread(key_sets.count_distinct, met)
    gone: list[bytes] = []
    if stored != totals.matched or repeated:
        live = await record_state.live_keys(connection, work.scope)
        gone = await asyncio.to_thread(key_sets.absent, live, met)
    sync = FullSync(
        full=True,
        pages_failed=0,
        rows_fetched=totals.metrics.rows_fetched,
        rows_reported=work.total_reported,
        rows_without_key=totals.without_key,
        rows_superseded=totals.superseded + repeated,
        stored=stored,
        missing=len(gone),
    )
    reason = refusal(sync, force=work.force)
    return Missing(gone, reason, proved=reason is None)


class Deletion:
    """Deletes rows that are gone from the source."""

    def __init__(self, database: Database, hub: ScheduleHub) -> None:
        self._database = database
        self._hub = hub

    async def delete(self, work: Work, keys: list[bytes]) -> int:
        """At the hub, then softly here, call by call; how many the hub did not delete."""
        kept = 0
        for part in parts(keys):
            async with self._database.begin() as connection:
                uids = await record_state.target_uids(connection, work.scope, part)
            refused = await self._at_the_hub(work, uids)
            kept += len(refused)
            async with self._database.begin() as connection:
                await record_state.mark_deleted(
                    connection, work.scope, work.uid, [key for key in part if key not in refused]
                )
        return kept

    async def _at_the_hub(self, work: Work, uids: dict[bytes, str | None]) -> set[bytes]:
        """The keys that it refused; what it does not have is deleted."""
        target = work.obeyed.target
        unknown = [key.hex() for key, uid in uids.items() if uid is None]
        found = await self._hub.query(target, unknown) if unknown else {}
        known = {key: uid or found.get(key.hex()) for key, uid in uids.items()}
        there = [(key, uid) for key, uid in known.items() if uid is not None]
        failures = await self._hub.delete(target, [uid for _, uid in there]) if there else []
        return {there[failure.index][0] for failure in failures if failure.code != "not_found"}
