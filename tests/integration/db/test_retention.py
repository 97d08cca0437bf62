"""What the cards forget when it is old, and what they never do: what is open, order lines, a seller's last sync."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from db.cards import operations, retention, sellers
from db.session import Database

DAYS = timedelta(days=90)


@pytest.fixture
async def connection(module_database_url: str) -> AsyncIterator[AsyncConnection]:
    """Rolled back."""
    database = Database.connect(module_database_url)
    async with database.engine.connect() as opened:
        yield opened
        await opened.rollback()
    await database.close()


@pytest.fixture
async def user_id(connection: AsyncConnection) -> UUID:
    user = uuid4()
    await sellers.link(connection, user, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
    return user


async def operation(
    connection: AsyncConnection, user_id: UUID, kind: str, days: float, status: str = "completed"
) -> str:
    """One that was registered and ended so many days ago, if its status says that it ended."""
    operation_id = uuid4()
    await operations.register(connection, user_id, operation_id, kind, {})
    ended = None if status in ("pending", "running") else days
    await run(
        connection,
        "UPDATE sync_operations SET status = :status, created_at = now() - cast(:age AS interval),"
        " completed_at = now() - cast(:ended AS interval) WHERE operation_id = :id",
        status=status,
        age=timedelta(days=days),
        ended=None if ended is None else timedelta(days=ended),
        id=str(operation_id),
    )
    return str(operation_id)


async def change(
    connection: AsyncConnection, user_id: UUID, operation_id: str, *, ended: bool, plan: UUID | None = None
) -> None:
    await run(
        connection,
        "INSERT INTO item_changes (user_id, operation_id, action, state, blueprint_id, ended_at, plan_id) VALUES"
        " (:user, :operation, 'update', :state, 1, CASE WHEN :ended THEN now() END, :plan)",
        user=user_id,
        operation=operation_id,
        state="verified" if ended else "waiting",
        ended=ended,
        plan=plan,
    )


async def purchase(connection: AsyncConnection, user_id: UUID, operation_id: str, *, ended: bool) -> None:
    await run(
        connection,
        "INSERT INTO purchases (user_id, operation_id, idempotency_key, item_id, blueprint_id, product_id, quantity,"
        " local_before, ended_at) VALUES (:user, :operation, :operation, 1, 1, 1, 1, 1,"
        " CASE WHEN :ended THEN now() END)",
        user=user_id,
        operation=operation_id,
        ended=ended,
    )


async def webhook(connection: AsyncConnection, user_id: UUID, days: float | None) -> str:
    """One that was dealt with so many days ago; None: not yet, and received a year ago."""
    webhook_id = str(uuid4())
    await run(
        connection,
        "INSERT INTO webhook_inbox (user_id, webhook_id, cause, mode, body_encrypted, received_at, processed_at) VALUES"
        " (:user, :id, 'order.create', 'live', 'sealed', now() - interval '1 year', now() - cast(:age AS interval))",
        user=user_id,
        id=webhook_id,
        age=None if days is None else timedelta(days=days),
    )
    return webhook_id


async def run(connection: AsyncConnection, statement: str, **values: object) -> None:
    await connection.execute(text(statement), values)


async def there(connection: AsyncConnection) -> set[str]:
    return set(await connection.scalars(text("SELECT operation_id FROM sync_operations")))


async def test_bodies_go_first_and_webhooks_later_but_not_those_that_wait(
    connection: AsyncConnection, user_id: UUID
) -> None:
    waiting, recent, older, oldest = [await webhook(connection, user_id, days) for days in (None, 29, 31, 91)]
    assert await retention.empty_bodies(connection, age=timedelta(days=30), most=1) == 1
    assert await retention.empty_bodies(connection, age=timedelta(days=30), most=5) == 1
    assert await retention.empty_bodies(connection, age=timedelta(days=30), most=5) == 0
    assert await retention.forget_webhooks(connection, age=DAYS, most=5) == 1
    rows = await connection.execute(text("SELECT webhook_id, body_encrypted FROM webhook_inbox"))
    assert {row[0]: row[1] for row in rows} == {waiting: b"sealed", recent: b"sealed", older: b""}
    assert oldest not in {waiting, recent, older}


async def test_ended_operations_go_with_all_that_hangs_on_them(connection: AsyncConnection, user_id: UUID) -> None:
    old, young = [await operation(connection, user_id, "update", days) for days in (91, 89)]
    owing = await operation(connection, user_id, "update", 400)
    open_ = await operation(connection, user_id, "delete", 400, "running")
    await change(connection, user_id, old, ended=True)
    await change(connection, user_id, owing, ended=True)
    await change(connection, user_id, owing, ended=False)
    await run(
        connection,
        "INSERT INTO drift_items (user_id, operation_id, kind, blueprint_id, product_id)"
        " VALUES (:user, :id, 'extra', 1, 1)",
        user=user_id,
        id=old,
    )
    assert await retention.forget_operations(connection, age=DAYS, most=5) == 1
    assert await there(connection) == {young, owing, open_}
    assert await connection.scalar(text("SELECT count(*) FROM item_changes")) == 2
    assert await connection.scalar(text("SELECT count(*) FROM drift_items")) == 0


async def test_the_last_whole_sync_of_a_seller_stays(connection: AsyncConnection, user_id: UUID) -> None:
    first = await operation(connection, user_id, "bulk_sync", 400)
    last = await operation(connection, user_id, "periodic_sync", 300, "failed")
    assert await retention.forget_operations(connection, age=DAYS, most=1) == 1
    assert await retention.forget_operations(connection, age=DAYS, most=1) == 0
    assert (first in await there(connection), await there(connection)) == (False, {last})
    # One that still runs is not yet the last.
    running = await operation(connection, user_id, "periodic_sync", 1, "running")
    assert await retention.forget_operations(connection, age=DAYS, most=5) == 0
    assert await there(connection) == {last, running}


async def test_purchases_have_an_age_of_their_own(connection: AsyncConnection, user_id: UUID) -> None:
    old, young, owing = [await operation(connection, user_id, "purchase", days) for days in (400, 300, 400)]
    for one in (old, young):
        await purchase(connection, user_id, one, ended=True)
    await purchase(connection, user_id, owing, ended=False)
    assert await retention.forget_operations(connection, age=DAYS, most=5) == 0
    assert await retention.forget_purchases(connection, age=timedelta(days=365), most=5) == 1
    assert await there(connection) == {young, owing}


async def test_a_decided_plan_goes_when_no_change_names_it(connection: AsyncConnection, user_id: UUID) -> None:
    plans = [uuid4() for _ in range(3)]
    for plan, state in zip(plans, ("approved", "approved", "waiting"), strict=True):
        await run(
            connection,
            "INSERT INTO change_plans (plan_id, user_id, state, summary, decided_at) VALUES"
            " (:plan, :user, cast(:state AS text), '{}', now() - interval '1 year')",
            plan=plan,
            user=user_id,
            state=state,
        )
    young = await operation(connection, user_id, "update", 1)
    await change(connection, user_id, young, ended=True, plan=plans[1])
    assert await retention.forget_plans(connection, age=DAYS, most=5) == 1
    assert set(await connection.scalars(text("SELECT plan_id FROM change_plans"))) == set(plans[1:])


async def test_settled_letters_of_the_cards_go_and_open_ones_stay(connection: AsyncConnection, user_id: UUID) -> None:
    for number, (context, resolved) in enumerate(
        [("cards", "91"), ("cards", "89"), ("cards", None), ("bridge", "400")]
    ):
        await run(
            connection,
            "INSERT INTO failed_records (context, user_id, operation_id, subject, stage, reason, resolved_at) VALUES"
            " (:context, :user, 'o', :subject, 's', 'r', now() - cast(:age AS interval))",
            context=context,
            user=user_id,
            subject=str(number),
            age=None if resolved is None else timedelta(days=int(resolved)),
        )
    assert await retention.forget_letters(connection, age=DAYS, most=5) == 1
    assert set(await connection.scalars(text("SELECT subject FROM failed_records"))) == {"1", "2", "3"}
