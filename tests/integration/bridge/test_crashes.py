"""A process that ends anywhere in a batch: the repeat loses nothing and does nothing twice (laws L4, L6).

Every transaction of a batch is a place to end at: with it undone, and with it committed and nobody told.
So is every call to the hub: before it was sent, and with its answer lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from typing import Any, Literal

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.bridge.history import Batch
from db.session import Database
from tests.helpers.bridge_neighbours import FakeErp, FakeHub, Lost
from tests.helpers.bridge_runs import BridgeRuns

Where = Literal["undone", "committed"]
WHERE: tuple[Where, ...] = ("undone", "committed")
KEEP = text("CREATE TABLE IF NOT EXISTS kept AS TABLE record_state")
FORGET = text("TRUNCATE record_state, sync_batches, erp_sync_state, failed_records CASCADE")
RESTORE = text("INSERT INTO record_state SELECT * FROM kept")


class DyingDatabase(Database):
    """Ends the process at one of its transactions, once."""

    def __init__(self, database: Database, dies_at: int, where: Where) -> None:
        super().__init__(database.engine)
        self.begun, self._dies_at, self._where = 0, dies_at, where

    @property
    def died(self) -> bool:
        return self.begun > self._dies_at

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        now, self.begun = self.begun == self._dies_at, self.begun + 1
        async with super().begin() as connection:
            yield connection
            if now and self._where == "undone":
                raise Lost
        if now:
            raise Lost


def stock() -> list[dict[str, Any]]:
    """Ten rows, of which one cannot be used; the pages are of five."""
    rows = [{"number": f"P-{number}", "rowversion": str(number), "price": 5} for number in range(10)]
    return [*rows[:6], {**rows[6], "price": "none"}, *rows[7:]]


def changed() -> list[dict[str, Any]]:
    """One row is new, one is other, one is gone."""
    return [*stock()[1:9], {"number": "P-9", "rowversion": "90", "price": 6}, {"number": "P-A", "rowversion": "91"}]


@pytest.fixture
async def items(bridge: BridgeRuns) -> BridgeRuns:
    """One sync is through; what is known after it is kept aside."""
    price = {"name": "price", "type": "NUMBER"}
    await bridge.define("items", ["number"], fields=[price], options={"rowversion": {"kind": "integer"}})
    bridge.erp.tables["items"] = stock()
    assert (await bridge.sync("items", page_size=5)).metrics.rows_inserted == 9
    async with bridge.database.begin() as connection:
        await connection.execute(KEEP)
    return bridge


async def after_a_sync(items: BridgeRuns, hub: FakeHub, database: Database | None = None) -> BridgeRuns:
    """As it was then, with the changes to come."""
    async with items.database.begin() as connection:
        await connection.execute(FORGET)
        await connection.execute(RESTORE)
    hub.records = deepcopy(items.hub.records)
    return BridgeRuns(items.database, FakeErp(tables={"items": changed()}), hub, of_activities=database)


def outcome(bridge: BridgeRuns, batch: Batch) -> tuple[Any, ...]:
    """What must not depend on where a process ended. An insert whose answer was lost is found there: an update."""
    counted = batch.metrics
    fates = counted.rows_fetched, counted.rows_skipped, counted.rows_failed, counted.rows_deleted
    told = counted.rows_inserted + counted.rows_updated
    assert counted.conserved
    assert set(Counter(record["erp_key_hash"] for record in bridge.hub.rows("items")).values()) == {1}
    return bridge.at_the_hub("items"), fates, told, batch.status


EXPECTED = (
    sorted((row for row in changed() if row.get("price") != "none"), key=repr),
    (10, 7, 1, 1),
    2,
    "completed_with_errors",
)


@pytest.mark.parametrize("where", WHERE)
async def test_at_every_transaction(items: BridgeRuns, where: Where) -> None:
    for number in range(60):
        database = DyingDatabase(items.database, number, where)
        bridge = await after_a_sync(items, FakeHub(), database)
        assert outcome(bridge, await bridge.sync("items", page_size=5)) == EXPECTED, number
        assert len(await bridge.letters()) == 1
        if not database.died:
            assert number > 15
            return
    raise AssertionError("not every transaction was a place to end at")


async def test_at_every_call_to_the_hub(items: BridgeRuns) -> None:
    for number in range(20):
        for hub in (FakeHub(lose_before={number}), FakeHub(lose_after={number})):
            bridge = await after_a_sync(items, hub)
            assert outcome(bridge, await bridge.sync("items", page_size=5)) == EXPECTED
        if len(hub.calls) <= number:
            assert number > 2
            return
    raise AssertionError("not every call was lost once")
