"""A service that is broken in the documented ways, and how its syncs stand meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowHandle

from cli.demo.figures import Drift
from devstack import DevStack
from devstack.central import CentralServer
from devstack.process import ManagedProcess
from devstack.service import RunningService
from tests.helpers.shop import Shop
from tests.helpers.waiting import eventually
from workflows.cards.contracts import bulk_sync_id

EXACT: Final = Drift(missing=0, extra=0, different=0)
STARTED: Final = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED


@dataclass
class Site:
    """What runs, and the hands of whoever breaks it."""

    stack: DevStack
    service: RunningService
    central: CentralServer
    receiver: str
    temporal: Client
    processes: dict[str, ManagedProcess]

    @asynccontextmanager
    async def hanging(self, shop: Shop) -> AsyncIterator[None]:
        """Whatever writes new stock of this seller waits, and nobody knows for what."""
        connection = await self._connection()
        try:
            await connection.execute("SELECT pg_advisory_lock(1)")
            await connection.execute(_trigger("hang", "PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW", shop))
            yield
        finally:
            await connection.execute("SELECT pg_advisory_unlock_all()")
            await connection.execute("DROP TRIGGER hang ON user_inventory_items")
            await connection.close()

    async def poison(self, shop: Shop, product: int) -> None:
        """This product of the seller cannot be written."""
        await self.execute(_trigger("poison", "RAISE EXCEPTION 'poisoned'", shop, product))

    async def execute(self, statement: str) -> None:
        """As somebody with access to the database."""
        connection = await self._connection()
        await connection.execute(statement)
        await connection.close()

    async def _connection(self) -> asyncpg.Connection[asyncpg.Record]:
        return await asyncpg.connect(self.service.environment["DATABASE_URL"].replace("+asyncpg", "", 1))


def _trigger(name: str, does: str, shop: Shop, product: int | None = None) -> str:
    which = f"NEW.user_id = '{shop.user_id}'" + (f" AND NEW.external_stock_id = '{product}'" if product else "")
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; END $$;"
        f"CREATE TRIGGER {name} BEFORE INSERT ON user_inventory_items FOR EACH ROW WHEN ({which})"
        f" EXECUTE FUNCTION {name}()"
    )


def sync_of(site: Site, shop: Shop) -> WorkflowHandle[Any, Any]:
    return site.temporal.get_workflow_handle(bulk_sync_id(shop.user_id))


async def pending(site: Site, shop: Shop, activity_id: str, attempt: int = 1) -> PendingActivityInfo:
    """The sync's activity, once it is at that attempt."""

    async def found() -> PendingActivityInfo:
        activities = (await sync_of(site, shop).describe()).raw_description.pending_activities
        by_id = {each.activity_id: each for each in activities}
        assert activity_id in by_id, list(by_id)
        assert by_id[activity_id].attempt >= attempt
        return by_id[activity_id]

    return await eventually(found, 60)


async def hung_chunk(site: Site, shop: Shop) -> PendingActivityInfo:
    """A chunk that a worker has in its hands."""

    async def found() -> PendingActivityInfo:
        activities = (await sync_of(site, shop).describe()).raw_description.pending_activities
        started = [each for each in activities if each.activity_id.startswith("chunk-") and each.state == STARTED]
        assert started
        return started[0]

    return await eventually(found, 60)


async def is_in_state(shop: Shop, *states: str) -> None:
    async def reached() -> None:
        assert (await shop.progress())["state"] in states

    await eventually(reached, 60)


async def poisoned_chunk(site: Site, shop: Shop) -> str:
    async def retried() -> str:
        activities = (await sync_of(site, shop).describe()).raw_description.pending_activities
        (found,) = [each.activity_id for each in activities if each.attempt > 1] or [""]
        assert found
        return found

    return await eventually(retried, 60)


async def last_product(site: Site, shop: Shop) -> int:
    headers = {"Authorization": f"Bearer {shop.token}"}
    url = f"{site.service.simulator_url}/api/v2/products/export"
    return int((await shop.site.get(url, headers=headers)).raise_for_status().json()[-1]["id"])


async def all_chunks_are_started(site: Site, shop: Shop) -> None:
    async def started() -> None:
        activities = (await sync_of(site, shop).describe()).raw_description.pending_activities
        assert [each.state for each in activities] == [STARTED] * 4

    await eventually(started, 60)
