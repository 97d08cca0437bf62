"""What is old goes, and nothing that somebody may still need: open letters, waits, the last full sync, its nights."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.bridge.forgetting import Ages, BridgeRetention
from tests.helpers.bridge_runs import BridgeRuns
from workflows.retention.contracts import Retention

OPTIONS = {"rowversion": {"kind": "integer"}}
AGES = Ages(batches=timedelta(days=30), letters=timedelta(days=90), waits=timedelta(days=7))
AGED = (
    "UPDATE sync_batches SET created_at = created_at - cast(:age AS interval),"
    " completed_at = completed_at - cast(:age AS interval)",
    "UPDATE failed_records SET created_at = created_at - cast(:age AS interval),"
    " resolved_at = resolved_at - cast(:age AS interval)",
    "UPDATE pending_children SET created_at = created_at - cast(:age AS interval),"
    " resolved_at = resolved_at - cast(:age AS interval)",
)


def item(number: int, **fields: Any) -> dict[str, Any]:
    return {"number": f"P-{number}", "rowversion": "1", **fields}


@pytest.fixture
async def items(bridge: BridgeRuns) -> BridgeRuns:
    await bridge.define("items", ["number"], options=OPTIONS, fields=[{"name": "price", "type": "NUMBER"}])
    return bridge


async def after(bridge: BridgeRuns, days: float) -> int:
    """So many days pass, and what is old is forgotten; how many rows."""
    async with bridge.database.begin() as connection:
        for statement in AGED:
            await connection.execute(text(statement), {"age": timedelta(days=days)})
    forget = BridgeRetention(bridge.database, AGES).forget_bridge
    return (await ActivityEnvironment().run(forget, Retention(portion=2))).rows


async def run(bridge: BridgeRuns, statement: str) -> None:
    async with bridge.database.begin() as connection:
        await connection.execute(text(statement))


async def there(bridge: BridgeRuns, *uids: UUID) -> list[bool]:
    async with bridge.database.begin() as connection:
        found = set(await connection.scalars(text("SELECT uid FROM sync_batches")))
    return [uid in found for uid in uids]


async def test_batches_go_but_those_of_the_last_full_sync_and_of_the_watermark(items: BridgeRuns) -> None:
    items.erp.tables["items"] = [item(1), item(1)]
    first = await items.sync("items")
    last = await items.sync("items")
    marked = await items.sync("items", "incremental")
    empty = await items.sync("items", "retry")
    assert await after(items, 29) == 0
    assert await after(items, 2) == 2
    assert await there(items, first.uid, last.uid, marked.uid, empty.uid) == [False, True, True, False]
    # What was kept of its rows went with it, and a full sync still knows the rows to the byte.
    async with items.database.begin() as connection:
        kept = set(await connection.scalars(text("SELECT DISTINCT batch_uid FROM superseded_rows")))
    assert first.uid not in kept
    assert (await items.sync("items")).metrics.rows_skipped == 2


async def test_what_is_open_stays_however_old_and_so_does_the_batch_it_came_from(bridge: BridgeRuns) -> None:
    home = {"home": {"parent_entity": "sites", "fields": {"site": "site"}}}
    price = [{"name": "price", "type": "NUMBER"}]
    await bridge.define("items", ["number"], options=OPTIONS, fields=price, parent_refs_config=home)
    bridge.erp.tables["items"] = [item(1, price="none"), item(2, site="A")]
    earlier = await bridge.sync("items", "background")
    batch = await bridge.sync("items", "background")
    await run(bridge, "DELETE FROM erp_sync_state")
    assert await after(bridge, 1_000) == 1
    assert await there(bridge, earlier.uid, batch.uid) == [False, True]
    assert (len(await bridge.letters()), len(await bridge.waits())) == (1, 1)
    # Each of the two is reason enough.
    await run(bridge, "UPDATE pending_children SET resolved_at = now()")
    assert (await after(bridge, 1), await there(bridge, batch.uid)) == (0, [True])
    await run(bridge, "UPDATE pending_children SET resolved_at = NULL")
    await run(bridge, "UPDATE failed_records SET resolved_at = now()")
    assert (await after(bridge, 1), await there(bridge, batch.uid)) == (0, [True])
    await run(bridge, "UPDATE pending_children SET resolved_at = now()")
    assert (await after(bridge, 1), await there(bridge, batch.uid)) == (1, [False])


async def test_settled_letters_and_waits_that_ended_go_at_their_own_age(bridge: BridgeRuns) -> None:
    home = {"home": {"parent_entity": "sites", "fields": {"site": "site"}}}
    await bridge.define("sites", ["site"], options=OPTIONS)
    price = [{"name": "price", "type": "NUMBER"}]
    await bridge.define("items", ["number"], options=OPTIONS, fields=price, parent_refs_config=home)
    bridge.erp.tables["items"] = [item(1, site="A"), item(2, site="A", price="none"), item(3, site="B")]
    await bridge.sync("items")
    bridge.erp.tables["sites"] = [{"site": "A", "rowversion": "1"}]
    await bridge.sync("sites")
    bridge.erp.tables["items"][1] = item(2, site="A", price="1")
    await bridge.sync("items")
    assert len(await bridge.waits()) == 2
    await after(bridge, 6.9)
    assert len(await bridge.waits()) == 2
    await after(bridge, 0.2)
    assert [wait["resolved_at"] for wait in await bridge.waits()] == [None]
    await after(bridge, 82.8)
    assert len(await bridge.letters()) == 1
    await after(bridge, 0.2)
    assert (await bridge.letters(), len(await bridge.waits())) == ([], 1)


async def test_nights_stay_until_their_schedule_is_through(items: BridgeRuns) -> None:
    night = await items.sync("items", "background")
    schedule = uuid4()
    async with items.database.begin() as connection:
        values = {"uid": schedule, "night": night.uid}
        new = "INSERT INTO background_sync_schedule (uid, entity_name, source_system, state) VALUES"
        await connection.execute(text(f"{new} (:uid, 'items', 'erp', 'waiting')"), {"uid": schedule})
        await connection.execute(text("UPDATE sync_batches SET schedule_uid = :uid WHERE uid = :night"), values)
        await connection.execute(text("DELETE FROM erp_sync_state"))
    assert (await after(items, 40), await there(items, night.uid)) == (0, [True])
    async with items.database.begin() as connection:
        await connection.execute(text("UPDATE background_sync_schedule SET state = 'completed'"))
    assert (await after(items, 0), await there(items, night.uid)) == (1, [False])


async def test_a_batch_that_is_open_is_never_old(items: BridgeRuns) -> None:
    running = await items.register("items", "retry")
    assert (await after(items, 1_000), await there(items, running)) == (0, [True])


async def test_portions_follow_each_other_until_nothing_is_old(items: BridgeRuns) -> None:
    for _ in range(5):
        await items.sync("items", "retry")
    assert await after(items, 40) == 5
