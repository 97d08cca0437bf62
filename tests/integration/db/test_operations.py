"""The audit trail: an operation ends once, counters are sums, and nobody reads another's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import operations, sellers
from db.cards.tables import export_chunks
from db.session import Database
from domain.cards.progress import Counts


@pytest.fixture
async def connection(module_database_url: str) -> AsyncIterator[AsyncConnection]:
    database = Database.connect(module_database_url)
    async with database.begin() as opened:
        yield opened
    await database.close()


@pytest.fixture
async def user_id(connection: AsyncConnection) -> UUID:
    user = uuid4()
    await sellers.link(connection, user, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
    return user


async def registered(connection: AsyncConnection, user_id: UUID, operation_type: str = "bulk_sync") -> UUID:
    operation_id = uuid4()
    await operations.register(connection, user_id, operation_id, operation_type, {"mode": operation_type})
    return operation_id


async def test_an_operation_is_pending_until_it_is_closed_once(connection: AsyncConnection, user_id: UUID) -> None:
    operation_id = await registered(connection, user_id)
    found = await operations.find(connection, user_id, str(operation_id))
    assert found is not None
    assert (found.state, found.is_open, found.is_bulk, found.completed_at) == ("pending", True, True, None)
    assert await operations.close(connection, operation_id, "completed", {"phase": "done", "processed": 3})
    assert not await operations.close(connection, operation_id, "failed", {"processed": 9})
    found = await operations.find(connection, user_id, str(operation_id))
    assert found is not None
    assert (found.state, found.story.processed, found.story.mode) == ("completed", 3, "bulk_sync")
    assert found.completed_at is not None


async def test_another_users_operation_is_none(connection: AsyncConnection, user_id: UUID) -> None:
    operation_id = await registered(connection, user_id)
    assert await operations.find(connection, uuid4(), str(operation_id)) is None


async def test_the_newest_bulk_sync_is_found_among_other_operations(connection: AsyncConnection, user_id: UUID) -> None:
    assert await operations.newest_bulk(connection, user_id) is None
    await registered(connection, user_id)
    newest = await registered(connection, user_id, "periodic_sync")
    await registered(connection, user_id, "update")
    found = await operations.newest_bulk(connection, user_id)
    assert found is not None
    assert found.operation_id == str(newest)


async def test_a_discarded_operation_never_was(connection: AsyncConnection, user_id: UUID) -> None:
    operation_id = await registered(connection, user_id)
    await operations.discard(connection, operation_id)
    assert await operations.find(connection, user_id, str(operation_id)) is None


async def test_live_counts_sum_applied_chunks_only(connection: AsyncConnection, user_id: UUID) -> None:
    operation_id = str(await registered(connection, user_id))
    assert await operations.live_counts(connection, operation_id) == Counts()
    counts = {"created": 1, "updated": 2, "unchanged": 3, "contested": 4, "failed": 5, "skipped": 6}
    staged = {"operation_id": operation_id, "rows": 15, "keys": b"", "payload": b"", **counts}
    rows = [{**staged, "chunk_no": number, "applied_at": func.now() if number < 2 else None} for number in range(3)]
    await connection.execute(insert(export_chunks).values(rows))
    doubled = {name: 2 * count for name, count in counts.items()}
    assert await operations.live_counts(connection, operation_id) == Counts(processed_chunks=2, processed=30, **doubled)


async def test_secrets_of_a_seller_stay_out_of_its_representation(connection: AsyncConnection, user_id: UUID) -> None:
    await connection.execute(
        text("UPDATE user_sync_settings SET webhook_secret = 'hush', cardtrader_token_encrypted = 'hush'")
    )
    seller = await sellers.find(connection, user_id)
    assert seller is not None
    assert seller.webhook_secret == "hush"
    assert "hush" not in repr(seller)
    assert await sellers.find(connection, uuid4()) is None
