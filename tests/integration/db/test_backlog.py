"""What waits is counted right, up to a bound, and through the indexes of what is open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from api.backlog import BACKLOGS
from db.backlog import MOST
from db.cards import sellers
from db.session import Database

EVENTS = text("""
    INSERT INTO webhook_inbox (user_id, webhook_id, cause, mode, body_encrypted, received_at, processed_at)
    SELECT :user, :name || n, 'order.create', 'live', '', now() - interval '1 minute' * n,
           CASE WHEN :done THEN now() END
    FROM generate_series(1, cast(:rows AS int)) AS n
""")
OPERATION = text("""
    INSERT INTO sync_operations (user_id, operation_id, operation_type, status, created_at)
    VALUES (:user, 'edits', 'update', 'running', now() - interval '1 day'),
           (:user, 'sync', 'periodic_sync', 'pending', now() - interval '1 minute')
""")
CHANGES = text("""
    INSERT INTO item_changes (user_id, operation_id, action, state, item_id, blueprint_id, created_at, ended_at)
    SELECT :user, 'edits', 'update', cast(:state AS text), n, n, now() - interval '1 hour',
           CASE WHEN :done THEN now() END
    FROM generate_series(1, cast(:rows AS int)) AS n
""")


@pytest.fixture
async def connection(module_database_url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction that nobody else sees."""
    database = Database.connect(module_database_url)
    async with database.engine.connect() as opened:
        yield opened
        await opened.rollback()
    await database.close()


async def test_what_is_open_is_counted_with_the_age_of_the_oldest(connection: AsyncConnection) -> None:
    user = uuid4()
    await sellers.link(connection, user, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
    for name, rows, done in (("open", 3, False), ("done", 5, True)):
        await connection.execute(EVENTS, {"user": user, "name": name, "rows": rows, "done": done})
    await connection.execute(OPERATION, {"user": user})
    for state, rows, done in (("waiting", 2, False), ("held", 4, False), ("verified", 6, True)):
        await connection.execute(CHANGES, {"user": user, "state": state, "rows": rows, "done": done})
    found = {queue.queue: queue for queue in await BACKLOGS["cards"](connection)}
    counts = {name: queue.depth for name, queue in found.items() if queue.depth}
    assert counts == {"webhook_inbox": 3, "changes": 2, "changes_held": 4, "syncs": 1}
    assert 180 <= found["webhook_inbox"].age < 240
    assert 3600 <= found["changes_held"].age < 3660
    assert 60 <= found["syncs"].age < 120
    assert found["purchases"].age == 0


async def test_no_look_counts_further_than_its_bound(connection: AsyncConnection) -> None:
    user = uuid4()
    await sellers.link(connection, user, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
    await connection.execute(EVENTS, {"user": user, "name": "open", "rows": MOST + 5, "done": False})
    [inbox] = [queue for queue in await BACKLOGS["cards"](connection) if queue.queue == "webhook_inbox"]
    assert inbox.depth == MOST
    assert inbox.age >= (MOST + 5) * 60


@pytest.mark.parametrize("context", ["bridge", "cards", "marketplace", "store"])
async def test_an_empty_context_waits_for_nothing_and_every_queue_has_an_index(
    connection: AsyncConnection, context: str
) -> None:
    sent: list[tuple[str, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        sent.append((statement, parameters))

    event.listen(connection.sync_connection, "before_cursor_execute", remember)
    found = await BACKLOGS[context](connection)
    event.remove(connection.sync_connection, "before_cursor_execute", remember)
    assert {(queue.depth, queue.age) for queue in found} == {(0, 0)}
    [(statement, parameters)] = sent
    # Tables are empty here: where an index can be used, it is.
    await connection.execute(text("SET LOCAL enable_seqscan = off"))
    explained = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    plan = "\n".join(row[0] for row in explained)
    assert "Seq Scan" not in plan, plan
