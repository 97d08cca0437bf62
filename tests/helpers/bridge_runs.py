"""Batches driven through their activities as `BridgeBatchWorkflow` drives them, without a workflow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import func, select
from temporalio.testing import ActivityEnvironment

from activities.bridge.batches import BatchLifecycle
from activities.bridge.children import DueRows
from activities.bridge.fetching import PageFetch
from activities.bridge.processing import PageProcessing
from db.bridge import history
from db.bridge.history import Batch, Request
from db.bridge.tables import entity_config, field_mappings, pending_children, record_state, sync_batches
from db.failed_tables import failed_records
from db.session import Database
from tests.helpers.bridge_neighbours import FakeErp, FakeHub, Lost
from workflows.bridge.contracts import Abort, BatchPlan, BatchRef, Ended, PageCounts, PageRef, Round

T = TypeVar("T")
IDENTITY = {"erp_key_hash", "erp_data_hash", "erp_rowversion", "erp_ref_str", "parent_refs"}


@dataclass
class BridgeRuns:
    """Entities, batches and what they led to. Activities that lose their process are repeated, `most` times.

    `of_activities`: the database as they have it, if it is not quite the same.
    """

    database: Database
    erp: FakeErp = field(default_factory=FakeErp)
    hub: FakeHub = field(default_factory=FakeHub)
    most: int = 3
    of_activities: Database | None = None

    async def define(self, name: str, key: list[str], *, source: str = "erp", **columns: Any) -> None:
        """An entity; its connector has its name. `mappings`: rows of `field_mappings`."""
        mappings = columns.pop("mappings", [])
        async with self.database.begin() as connection:
            row = {"entity_name": name, "source_system": source, "connector_api_slug": name, "business_key_fields": key}
            await connection.execute(entity_config.insert().values({**row, **columns}))
            for mapping in mappings:
                await connection.execute(field_mappings.insert().values(entity_name=name, **mapping))
        self.erp.tables.setdefault(name, [])

    async def register(self, name: str, sync_type: str = "full", *, page_size: int = 3, **changes: Any) -> UUID:
        """A batch, pending."""
        uid = uuid4()
        values = {"entity_name": name, "source_system": "erp", "connector_api_slug": name}
        request = Request(**{**values, "sync_type": sync_type, "page_size": page_size, **changes})
        async with self.database.begin() as connection:
            assert await history.register(connection, uid, request)
        return uid

    async def sync(self, name: str, sync_type: str = "full", **changes: Any) -> Batch:
        """A whole batch; how it ended."""
        return await self.run(await self.register(name, sync_type, **changes))

    async def run(self, uid: UUID) -> Batch:
        """A registered batch from its beginning to its end; law L6 holds on every one."""
        await self.pages(uid)
        await self.finish(uid)
        batch = await self.batch(uid)
        assert batch.metrics.conserved, batch
        return batch

    async def pages(self, uid: UUID) -> list[PageCounts]:
        """All pages, one after the other."""
        plan = await self.activity(self.lifecycle.begin_batch, BatchRef(batch_uid=uid))
        counts, last = list[PageCounts](), False
        while not last and len(counts) < (plan.most_pages or 1_000):
            page = PageRef(batch_uid=uid, page_no=len(counts) + 1)
            last = (await self.activity(self.fetch.fetch_page, page)).last
            counts.append(await self.activity(self.process.process_page, page))
        return counts

    async def finish(self, uid: UUID) -> Ended:
        """The last activity."""
        return await self.activity(self.lifecycle.finish_batch, BatchRef(batch_uid=uid))

    async def abort(self, uid: UUID, code: str = "BATCH_FAILED", *, cancelled: bool = False) -> None:
        """The last activity of one that failed."""
        await self.activity(self.lifecycle.abort_batch, Abort(batch_uid=uid, code=code, cancelled=cancelled))

    async def run_due(self) -> list[Batch]:
        """Batches for what waits and is due."""
        return [await self.run(uid) for uid in await self.due_batches()]

    async def due_batches(self) -> list[UUID]:
        """The same, registered only."""
        due = await self.activity(DueRows(self._theirs).open_children_batches, Round())
        return [run.batch_uid for run in due.batches]

    async def activity(self, run: Callable[..., Awaitable[T]], request: object) -> T:
        """Run one, again after each loss."""
        for _ in range(self.most):
            try:
                return await ActivityEnvironment().run(run, request)
            except Lost:
                continue
        raise AssertionError("it was lost too often")

    @property
    def lifecycle(self) -> BatchLifecycle:
        """Beginnings and ends."""
        return BatchLifecycle(self._theirs, self.hub, BatchPlan())

    @property
    def fetch(self) -> PageFetch:
        """Pages fetched."""
        return PageFetch(self._theirs, self.erp)

    @property
    def process(self) -> PageProcessing:
        """Pages processed."""
        return PageProcessing(self._theirs, self.hub)

    @property
    def _theirs(self) -> Database:
        return self.of_activities or self.database

    async def batch(self, uid: UUID) -> Batch:
        """As people see it."""
        async with self.database.begin() as connection:
            found = await history.find(connection, uid)
        assert found is not None
        return found

    async def column(self, uid: UUID, name: str) -> Any:
        """A column of the batch that people do not see."""
        async with self.database.begin() as connection:
            return await connection.scalar(select(sync_batches.c[name]).where(sync_batches.c.uid == uid))

    def at_the_hub(self, name: str) -> list[dict[str, Any]]:
        """The hub's records without what identifies them, in any order."""
        plain = [{key: value for key, value in row.items() if key not in IDENTITY} for row in self.hub.rows(name)]
        return sorted(plain, key=repr)

    def is_the_same(self, name: str) -> bool:
        """Whether the hub holds exactly what the ERP does."""
        return self.at_the_hub(name) == sorted(self.erp.tables[name], key=repr)

    async def live_rows(self, name: str) -> int:
        """How many rows are known."""
        live = record_state.c.entity_name == name, record_state.c.deleted_at.is_(None)
        async with self.database.begin() as connection:
            return (await connection.execute(select(func.count()).where(*live))).scalar_one()

    async def letters(self) -> list[dict[str, Any]]:
        """All dead letters, oldest first."""
        async with self.database.begin() as connection:
            found = await connection.execute(select(failed_records).order_by(failed_records.c.id))
            return [dict(row) for row in found.mappings()]

    async def waits(self) -> list[dict[str, Any]]:
        """All waits, oldest first."""
        async with self.database.begin() as connection:
            found = await connection.execute(select(pending_children).order_by(pending_children.c.created_at))
            return [dict(row) for row in found.mappings()]
