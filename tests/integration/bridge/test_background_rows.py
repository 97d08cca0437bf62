"""Nights whose pages are fetched and processed as every batch's are: what arrives at the hub, and what is repeated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.session import Database
from tests.helpers.bridge_runs import BridgeRuns
from tests.helpers.nights import Nights, Table
from workflows.bridge.contracts import BatchRef, PageRef

EVENING = datetime(2026, 3, 5, 19, tzinfo=UTC)


@dataclass
class RealPages(Table):
    """Pages of an ERP, fetched and processed as every batch's are."""

    rows: int = 0
    runs: BridgeRuns = field(kw_only=True)

    async def page(self, database: Database, batch_uid: UUID, page_no: int, rows: int) -> bool:
        page = PageRef(batch_uid=batch_uid, page_no=page_no, rows=rows)
        if page_no == 1:
            await self.runs.activity(self.runs.lifecycle.begin_batch, BatchRef(batch_uid=batch_uid))
        fetched = await self.runs.activity(self.runs.fetch.fetch_page, page)
        counts = await self.runs.activity(self.runs.process.process_page, page)
        self.taken.append((page_no, counts.inserted))
        return fetched.last

    async def close(self, database: Database, batch_uid: UUID, status: str) -> None:
        if status == "completed":
            await self.runs.finish(batch_uid)
        else:
            await self.runs.abort(batch_uid)


@pytest.mark.parametrize(
    ("key", "rows", "shares"),
    [
        (["number"], 95, [30, 30, 30, 5]),
        (["number"], 90, [30, 30, 30]),
        (["site", "number"], 95, [30, 30, 30, 5]),
        # That a group of the key was the last one, only the next night can tell.
        (["site", "number"], 90, [30, 30, 30, 0]),
    ],
    ids=["one field", "exactly", "two fields", "exactly, two fields"],
)
async def test_real_pages_bring_a_whole_table_to_the_hub_share_by_share(
    bridge: BridgeRuns, key: list[str], rows: int, shares: list[int]
) -> None:
    await bridge.define("parts", key)
    bridge.erp.tables["parts"] = [{"site": f"S{n % 7}", "number": f"{n:03}", "price": n} for n in range(rows)]
    nights = Nights(bridge.database, RealPages(runs=bridge))
    await nights.schedule_for("parts", rows_per_day=30, page_size=8)
    batches = []
    for day in range(len(shares)):
        night = await nights.look(EVENING + timedelta(days=day))
        batches.append(await bridge.batch(night.batch_uid))
        if day == 1:
            # A row that came behind the cursor is the next sync's matter, one that changed before it too.
            bridge.erp.tables["parts"][0]["price"] = -1
    schedule = await nights.schedule()
    assert (schedule.state, schedule.current_offset) == ("completed", rows)
    assert [batch.metrics.rows_fetched for batch in batches] == shares
    assert all(batch.metrics.conserved and batch.metrics.rows_deleted == 0 for batch in batches)
    assert {batch.status for batch in batches} <= {"completed"}
    assert sum(inserted for _, inserted in nights.table.taken) == rows == len(bridge.hub.rows("parts"))
    await bridge.sync("parts")
    assert bridge.is_the_same("parts")


async def test_a_lost_night_of_real_pages_repeats_none_that_was_committed(bridge: BridgeRuns) -> None:
    await bridge.define("parts", ["id"])
    bridge.erp.tables["parts"] = [{"id": n} for n in range(40)]
    nights = Nights(bridge.database, RealPages(runs=bridge))
    await nights.schedule_for("parts", rows_per_day=40, page_size=10)
    await nights.look(EVENING, lost=lambda page: page == 2)
    await nights.look(EVENING + timedelta(hours=1))
    assert [inserted for _, inserted in nights.table.taken] == [10, 10, 10, 10]
    assert bridge.is_the_same("parts")
    assert (await nights.schedule()).state == "completed"
