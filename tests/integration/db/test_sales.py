"""Order events against the stock: once per item, never upwards, whatever order, repeats and losses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.service import RPCError, RPCStatusCode

from activities.cards.relay import EventRelay
from db.cards import inbox, operations, sales, sellers
from db.cards.sales import Applied
from db.cards.tables import user_inventory_items
from db.session import Database
from domain.cards.orders import Event, OrderLine, Verdict, judge
from domain.cards.sync_errors import sentence
from tests.helpers import eventually

START = 20


@pytest.fixture(scope="module")
async def database(module_database_url: str) -> AsyncIterator[Database]:
    """For the whole module."""
    opened = Database.connect(module_database_url)
    yield opened
    await opened.close()


async def new_seller(connection: AsyncConnection) -> UUID:
    """A linked seller with products 1 and 2 in stock."""
    user_id = uuid4()
    await sellers.link(connection, user_id, token_encrypted="t", secret_encrypted="s", cardtrader_user_id=1)
    rows = [
        {
            "user_id": user_id,
            "blueprint_id": product + 100,
            "external_stock_id": str(product),
            "quantity": START,
            "price_cents": 5,
        }
        for product in (1, 2)
    ]
    await connection.execute(insert(user_inventory_items).values(rows))
    return user_id


async def quantities(connection: AsyncConnection, user_id: UUID) -> list[int]:
    """Of products 1 and 2."""
    query = text("SELECT quantity FROM user_inventory_items WHERE user_id = :user ORDER BY blueprint_id")
    return list((await connection.execute(query, {"user": user_id})).scalars())


def events(zero: bool) -> list[Event]:
    """One order's life, as CardTrader tells it; a Zero order ends in the weekly one."""

    def event(cause: str, state: str, order_id: int = 9, first_item: int = 1, origin: int | None = None) -> Event:
        items = [
            {
                "id": first_item + number,
                "product_id": product,
                "blueprint_id": product + 100,
                "quantity": copies,
                "hub_pending_order_id": origin,
            }
            for number, (product, copies) in enumerate([(1, 2), (1, 1), (2, 4)])
        ]
        order = {"state": state, "via_cardtrader_zero": zero, "order_items": items}
        data = {} if cause == "order.destroy" else order
        return Event(
            f"{cause}-{state}-{order_id}", cause, "Order", order_id, "live", msgspec.Raw(msgspec.json.encode(data))
        )

    ends = [event("order.update", "request_for_cancel"), event("order.update", "canceled"), event("order.destroy", "")]
    if not zero:
        life = ("sent", "arrived", "done", "lost")
        return [event("order.create", "paid"), *(event("order.update", state) for state in life), *ends]
    weekly = [event("order.create", "paid", 10, 51, 9), event("order.update", "sent", 10, 51, 9)]
    return [event("order.create", "hub_pending", origin=9), *weekly, event("order.update", "closed", origin=9), *ends]


PROOFS = {
    False: ("paid", "sent", "arrived", "done", "lost", "request_for_cancel"),
    True: ("hub_pending", "closed", "request_for_cancel"),
}


@st.composite
def stories(draw: st.DrawFn) -> tuple[bool, list[Event]]:
    """Events of one life in any order, some repeated, some lost."""
    zero = draw(st.booleans())
    told = draw(st.lists(st.sampled_from(events(zero)), max_size=12))
    return zero, told


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stories())
def test_whatever_is_told_each_item_counts_at_most_once_and_nothing_rises(
    story_database: _Runner, story: tuple[bool, list[Event]]
) -> None:
    story_database.run(story)


class _Runner:
    """Runs a story on a loop of its own: Hypothesis cannot drive async tests on the session's."""

    def __init__(self, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._database = Database.connect(url)

    def run(self, story: tuple[bool, list[Event]]) -> None:
        """Tell it, and look at the stock after each event."""
        self._loop.run_until_complete(self._run(*story))

    async def _run(self, zero: bool, told: list[Event]) -> None:
        async with self._database.begin() as connection:
            user_id = await new_seller(connection)
            before = [START, START]
            for event in told:
                await sales.apply(connection, user_id, judge(event))
                after = await quantities(connection, user_id)
                assert all(now <= then for now, then in zip(after, before, strict=True))
                before = after
        proven = any(f"-{state}-9" in event.id for event in told for state in PROOFS[zero])
        assert before == ([START - 3, START - 4] if proven else [START, START])

    def close(self) -> None:
        """Close the pool and the loop."""
        self._loop.run_until_complete(self._database.close())
        self._loop.close()


@pytest.fixture(scope="module")
def story_database(module_database_url: str) -> Iterator[_Runner]:
    """Tells stories."""
    runner = _Runner(module_database_url)
    yield runner
    runner.close()


async def test_a_state_that_proved_nothing_does_not_hide_a_later_proof(database: Database) -> None:
    line = OrderLine(1, 101, 1, 2, sold=False)
    async with database.begin() as connection:
        user_id = await new_seller(connection)
        await sales.apply(connection, user_id, Verdict(9, (line,)))
        sold = OrderLine(1, 101, 1, 2, sold=True)
        for _ in range(2):
            applied = await sales.apply(connection, user_id, Verdict(9, (sold,)))
        assert await quantities(connection, user_id) == [START - 2, START]
        assert applied == Applied(frozenset({101}))


async def test_a_product_without_a_row_is_unmatched(database: Database) -> None:
    lines = (OrderLine(1, 101, 1, 1, True), OrderLine(2, 105, 5, 1, True), OrderLine(3, 106, None, 1, False))
    async with database.begin() as connection:
        user_id = await new_seller(connection)
        applied = await sales.apply(connection, user_id, Verdict(9, lines))
        assert applied == Applied(frozenset({101, 105, 106}), unmatched=True)


async def received(connection: AsyncConnection, user_id: UUID, *, unmatched: bool = False, blueprints: int = 1) -> int:
    """A stored event that asks for blueprint 7 and so on."""
    event_id = await inbox.receive(
        connection, user_id, str(uuid4()), cause="order.create", mode="live", body_encrypted=b"x"
    )
    assert event_id is not None
    await inbox.await_reread(connection, event_id, range(7, 7 + blueprints), unmatched=unmatched)
    return event_id


NOW = timedelta(0)


async def test_an_unmatched_event_is_read_again_after_the_sync_that_may_bring_its_product(database: Database) -> None:
    async with database.begin() as connection:
        user_id, operation_id = await new_seller(connection), uuid4()
        await operations.register(connection, user_id, operation_id, "bulk_sync", {})
        plain, waiting = await received(connection, user_id), await received(connection, user_id, unmatched=True)
        assert await inbox.take(connection, user_id, 10) == [plain, waiting]
        assert await inbox.blueprints(connection, user_id, [plain, waiting]) == [7]
        assert await inbox.settle(connection, user_id, [plain, waiting]) == 1
        assert await inbox.take(connection, user_id, 10) == []
        await operations.close(connection, operation_id, "completed")
        assert await inbox.take(connection, user_id, 10) == [waiting]
        assert await inbox.settle(connection, user_id, [waiting]) == 1
        assert await inbox.settle(connection, user_id, [waiting]) == 0
        assert await inbox.take(connection, user_id, 10) == []


@pytest.mark.parametrize(("sizes", "taken"), [((2_000, 1), 1), ((600, 400, 1), 2), ((1,) * 12, 10), ((), 0)])
async def test_a_batch_is_bounded_in_events_and_in_blueprints(
    database: Database, sizes: tuple[int, ...], taken: int
) -> None:
    async with database.begin() as connection:
        user_id = await new_seller(connection)
        events_ = [await received(connection, user_id, blueprints=size) for size in sizes]
        assert await inbox.take(connection, user_id, 10) == events_[:taken]


async def test_the_relay_pokes_who_waits_and_survives_a_fault(database: Database) -> None:
    poked: list[UUID] = []
    async with database.begin() as connection:
        first, second = await new_seller(connection), await new_seller(connection)
        await received(connection, first)
        await received(connection, second)

    async def poke(user_id: UUID) -> None:
        poked.append(user_id)
        if len(poked) == 1:
            raise RPCError("away", RPCStatusCode.UNAVAILABLE, b"")

    relay = EventRelay(database, poke, interval=0.01, age=NOW)
    assert await relay.relay() == len(poked) - 1
    async with relay.running():

        def both() -> None:
            assert {first, second} <= set(poked)

        await eventually(both)


async def test_the_relay_leaves_an_account_alone_that_it_has_just_told(database: Database) -> None:
    poked: list[UUID] = []
    now = [0.0]
    async with database.begin() as connection:
        user_id = await new_seller(connection)
        await received(connection, user_id)

    async def poke(told: UUID) -> None:
        poked.append(told)

    relay = EventRelay(database, poke, age=NOW, rest=timedelta(seconds=15), clock=lambda: now[0])
    for at in (0.0, 14.9, 15.0):
        now[0] = at
        await relay.relay()
    assert poked.count(user_id) == 2


async def test_the_relay_sees_old_events_of_accounts_that_can_act(database: Database) -> None:
    async with database.begin() as connection:
        user_id = await new_seller(connection)
        await received(connection, user_id)
    async with database.begin() as connection:
        assert user_id in await inbox.sellers_waiting(connection, age=NOW, most=1000)
        assert user_id not in await inbox.sellers_waiting(connection, age=timedelta(hours=1), most=1000)
        blocked = {"error": sentence("TOKEN_REJECTED"), "user": user_id}
        change = "UPDATE user_sync_settings SET sync_status = 'error', last_error = :error WHERE user_id = :user"
        await connection.execute(text(change), blocked)
        assert user_id not in await inbox.sellers_waiting(connection, age=NOW, most=1000)
        assert await inbox.take(connection, user_id, 10) == []
        await connection.execute(text(change), {**blocked, "error": sentence("CARDTRADER_UNAVAILABLE")})
        assert len(await inbox.take(connection, user_id, 10)) == 1
