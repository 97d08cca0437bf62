"""Nights of a background schedule driven through their activities as `BackgroundSyncWorkflow` drives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select, update
from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities.bridge.background import BackgroundNights
from db.bridge import background
from db.bridge.background import Schedule
from db.bridge.tables import batch_pages, entity_config, sync_batches
from db.session import Database
from workflows.bridge.contracts import NextPage, NightLost, NightOpened, NightRef, NightStep


@dataclass
class Table:
    """A table of so many numbered rows, fetched by key; `taken` are the pages that were done, as (first row, rows)."""

    rows: int
    taken: list[tuple[int, int]] = field(default_factory=list)

    @property
    def in_order(self) -> bool:
        """Whether every row was taken once, in the order of the keys."""
        taken = [page for page in self.taken if page[1]]
        return taken[0][0] == 0 and all(first + rows == after for (first, rows), (after, _) in pairwise(taken))

    async def page(self, database: Database, batch_uid: UUID, page_no: int, rows: int) -> bool:
        """Fetch and process one, as the database then has it; whether it was the last."""
        async with database.begin() as connection:
            after = await self._after(connection, batch_uid, page_no)
            given = min(rows, self.rows - after)
            done = {"batch_uid": batch_uid, "page_no": page_no, "rows": given, "last": after + given == self.rows}
            cursor = [after + given] if given else None
            await connection.execute(insert(batch_pages).values(**done, next_after=cursor, processed_at=func.now()))
        self.taken.append((after, given))
        return bool(done["last"])

    async def close(self, database: Database, batch_uid: UUID, status: str) -> None:
        """The batch has ended."""
        async with database.begin() as connection:
            ended = update(sync_batches).where(sync_batches.c.uid == batch_uid)
            await connection.execute(ended.values(status=status))

    async def _after(self, connection: Any, batch_uid: UUID, page_no: int) -> int:
        if page_no == 1:
            query = select(sync_batches.c.begins_after).where(sync_batches.c.uid == batch_uid)
        else:
            before = batch_pages.c.batch_uid == batch_uid, batch_pages.c.page_no == page_no - 1
            query = select(batch_pages.c.next_after).where(*before)
        cursor = await connection.scalar(query)
        return cursor[0] if cursor else 0


class Handles:
    """The Temporal Schedules that were held, with the note of each."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def get_schedule_handle(self, schedule_id: str) -> Any:
        """One of them."""
        handles = self

        class Handle:
            async def pause(self, *, note: str, rpc_timeout: timedelta) -> None:
                assert rpc_timeout
                handles.held[schedule_id] = note

        return Handle()


@dataclass
class Night:
    """What one look of the schedule led to."""

    batch_uid: UUID
    opened: NightOpened
    end: NightStep | None = None
    now: datetime | None = None


@dataclass
class Nights:
    """One schedule and its nights. A page takes `pace`; time passes only here."""

    database: Database
    table: Table
    pace: timedelta = timedelta(seconds=20)
    uid: UUID = field(default_factory=uuid4)
    handles: Handles = field(default_factory=Handles)

    async def define(self, entity_name: str = "items", **columns: Any) -> None:
        """An entity and its schedule."""
        entity = {"source_system": "erp", "connector_api_slug": "slug", "business_key_fields": ["id"]}
        async with self.database.begin() as connection:
            await connection.execute(insert(entity_config).values(entity_name=entity_name, **entity))
        await self.schedule_for(entity_name, **columns)

    async def schedule_for(self, entity_name: str, **columns: Any) -> None:
        """The schedule of an entity that is there."""
        async with self.database.begin() as connection:
            named = {"entity_name": entity_name, "source_system": "erp"}
            assert await background.create(connection, self.uid, {**named, **columns})

    async def look(
        self,
        now: datetime,
        *,
        force: bool = False,
        lost: Callable[[int], bool] = lambda _: False,
        meanwhile: Callable[[int], Any] = lambda _: None,
    ) -> Night:
        """One start of the workflow, to its end. `lost(page)`: whether the night is lost when that page is done."""
        batch_uid = uuid4()
        ref = {"schedule_uid": self.uid, "batch_uid": batch_uid, "force": force}
        night = Night(batch_uid, await self.run("open_night", NightRef(**ref, now=now)))
        page_no, last = 1, False
        while night.opened.is_open:
            night.now = now
            night.end = await self.run("next_page", NextPage(**ref, now=now, page_no=page_no, last=last))
            if not night.end.rows:
                await self.table.close(self.database, batch_uid, "completed")
                break
            last = await self.table.page(self.database, batch_uid, page_no, night.end.rows)
            now += self.pace
            if done := meanwhile(page_no):
                await done
            if lost(page_no):
                await self.run("close_night", NightLost(**ref, now=now, code="SOURCE_UNAVAILABLE"))
                await self.table.close(self.database, batch_uid, "failed")
                break
            page_no += 1
        return night

    async def run(self, name: str, request: object) -> Any:
        """One activity."""
        nights = BackgroundNights(self.database, cast(Client, self.handles))
        return await ActivityEnvironment().run(getattr(nights, name), request)

    async def schedule(self) -> Schedule:
        """Its row."""
        async with self.database.begin() as connection:
            found = await background.find(connection, self.uid)
        assert found is not None
        return found

    async def change(self, **values: Any) -> None:
        """What a person wants otherwise."""
        async with self.database.begin() as connection:
            await background.change(connection, self.uid, values)
