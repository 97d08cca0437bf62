"""Syncs that nothing drives end with a reason (law L3); those that run are left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from temporalio.service import RPCError, RPCStatusCode

from activities.cards.sync_relay import SyncRelay
from db.cards import lifecycle, operations, sellers
from db.cards.open_syncs import OpenSync
from db.session import Database
from domain.cards.sync_errors import sentence

INTERRUPTED = {"code": "SYNC_INTERRUPTED", "message": sentence("SYNC_INTERRUPTED")}


@pytest.fixture
async def database(module_database_url: str) -> AsyncIterator[Database]:
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


class Books:
    """One seller and his operations; `driven` are those that a workflow works for."""

    def __init__(self, database: Database) -> None:
        self.database, self.user_id = database, uuid4()
        self.driven: set[UUID] = set()
        self.error: Exception | None = None

    async def is_driven(self, sync: OpenSync) -> bool:
        """Whoever belongs to another test is."""
        if self.error is not None:
            raise self.error
        return sync.user_id != self.user_id or sync.operation_id in self.driven

    async def link(self) -> Books:
        async with self.database.begin() as connection:
            await sellers.link(
                connection, self.user_id, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1
            )
        return self

    async def register(self, kind: str = "bulk_sync", *, begun: bool = False, **metadata: Any) -> UUID:
        operation_id = uuid4()
        async with self.database.begin() as connection:
            await operations.register(connection, self.user_id, operation_id, kind, {"mode": kind, **metadata})
            if begun:
                assert await lifecycle.begin(connection, self.user_id, operation_id) is not None
        return operation_id

    async def relay(self, age: timedelta = timedelta(0)) -> int:
        return await SyncRelay(self.database, self.is_driven, age=age).relay()

    async def story(self, operation_id: UUID) -> tuple[str, Any]:
        async with self.database.begin() as connection:
            found = await lifecycle.operation(connection, operation_id)
        assert found is not None
        return found.status, found.operation_metadata.get("error")

    async def account(self) -> tuple[str, str | None]:
        async with self.database.begin() as connection:
            seller = await sellers.find(connection, self.user_id)
        assert seller is not None
        return seller.sync_status, seller.last_error


@pytest.fixture
async def books(database: Database) -> Books:
    return await Books(database).link()


@pytest.mark.parametrize(
    ("kind", "metadata"),
    [
        ("bulk_sync", {"force": True}),
        ("periodic_sync", {"dry_run": True}),
        ("periodic_sync", {"blueprint_id": 7}),
    ],
)
async def test_what_was_registered_and_never_started_ends_with_a_reason(
    books: Books, kind: str, metadata: dict[str, Any]
) -> None:
    lost = await books.register(kind, **metadata)
    assert await books.relay() == 1
    assert await books.story(lost) == ("failed", INTERRUPTED)
    assert await books.account() == ("idle", None)
    assert await books.relay() == 0


async def test_a_start_under_way_and_a_sync_that_runs_are_left_alone(books: Books) -> None:
    started, running = await books.register(), await books.register("periodic_sync", blueprint_id=7)
    books.driven = {running}
    assert await books.relay(timedelta(minutes=1)) == 0
    assert await books.relay() == 1
    assert [await books.story(one) for one in (started, running)] == [("failed", INTERRUPTED), ("pending", None)]


@pytest.mark.parametrize(
    ("synced", "kind", "status"),
    [(False, "bulk_sync", "error"), (True, "bulk_sync", "active"), (True, "periodic_sync", "active")],
)
async def test_a_sync_whose_workflow_is_gone_gives_the_account_back(
    books: Books, synced: bool, kind: str, status: str
) -> None:
    if synced:
        async with books.database.begin() as connection:
            await lifecycle.close_account(connection, books.user_id, error=None, synced=True)
    lost = await books.register(kind, begun=True)
    assert await books.relay() == 1
    assert (await books.story(lost), await books.account()) == (
        ("failed", INTERRUPTED),
        (status, f"SYNC_INTERRUPTED: {INTERRUPTED['message']}"),
    )


async def test_what_temporal_cannot_tell_is_asked_again_later(books: Books) -> None:
    lost = await books.register()
    books.error = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    assert await books.relay() == 0
    books.error = None
    assert (await books.relay(), await books.story(lost)) == (1, ("failed", INTERRUPTED))


async def test_an_operation_that_is_no_sync_is_none_of_ours(books: Books) -> None:
    edit = await books.register("update")
    assert (await books.relay(), (await books.story(edit))[0]) == (0, "pending")
    async with books.database.begin() as connection:
        await connection.execute(text("DELETE FROM user_sync_settings WHERE user_id = :user"), {"user": books.user_id})
