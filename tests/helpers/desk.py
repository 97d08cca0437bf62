"""A seller whose changes go to a simulated CardTrader in this process: real database, limits and activities.

The rounds of the account workflow are called here one by one, so that a test can look, or strike, between any two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
from redis.asyncio import Redis
from sqlalchemy import text
from temporalio.testing import ActivityEnvironment

from activities.cards.changes import AccountChanges
from activities.cards.rereading import BlueprintReader, Rereading
from clients.cardtrader import CardTrader
from db.cards import intents, order_reading, plans
from db.cards.intents import NewListing
from db.session import Database
from devstack.simulators.cardtrader.blueprints import blueprint
from devstack.simulators.cardtrader.faults import FaultKind, FaultSpec
from devstack.simulators.cardtrader.knobs import Knobs
from devstack.simulators.cardtrader.market import Market, MarketSpec
from devstack.simulators.cardtrader.orders import SaleLine
from devstack.simulators.cardtrader.seller import Seller, SellerSpec
from domain.cards.edits import Wish
from domain.cards.pace import Patience
from tests.helpers.stock import StillCatalog, Stock
from tests.helpers.wire import OpenVault, Wire
from workflows.cards.contracts import AccountRef, ChangeBatch, ChangeStep

TOKEN = "desk-seller"
KNOBS = Knobs(enforce_limits=False, job_pending=0.0, job_running=0.0)
AT_ONCE = Patience(seconds=0, listings=0, look_seconds=0, skew=0.001)


@dataclass
class Desk:
    """One seller with a stock at CardTrader and the same stock here."""

    market: Market
    wire: Wire
    database: Database
    cardtrader: CardTrader
    user_id: UUID = field(default_factory=uuid4)
    writes_enabled: bool = True

    def __post_init__(self) -> None:
        self.stock = Stock(self.database, self.user_id)
        self.reader = BlueprintReader(self.database, OpenVault(), self.cardtrader, StillCatalog())  # type: ignore[arg-type]  # fakes
        self.changes = self.new_changes()
        self.ref = AccountRef(user_id=self.user_id)
        self.works: list[str] = []

    def new_changes(self, **options: Any) -> AccountChanges:
        """The activities, as a worker that has just started has them."""
        values = {"writes_enabled": self.writes_enabled, "patience": AT_ONCE, **options}
        return AccountChanges(self.database, self.reader, **values)

    @property
    def seller(self) -> Seller:
        """CardTrader's side of it."""
        return self.market.sellers[TOKEN]

    async def open(self) -> Desk:
        """Link the account and read the whole stock."""
        await self.stock.link()
        async with self.database.begin() as connection:
            await connection.execute(
                text("UPDATE user_sync_settings SET cardtrader_token_encrypted = :token WHERE user_id = :user"),
                {"token": TOKEN, "user": self.user_id},
            )
        await self.read_all()
        self.wire.asked.clear()
        return self

    async def read_all(self) -> None:
        """Read every blueprint that is on sale, or is here."""
        columns = self.seller.stock.columns
        here = {row["blueprint_id"] for row in (await self.rows()).values()}
        numbers = sorted(here | {int(columns.blueprint[row]) for row in self.seller.stock.live_rows()})
        await ActivityEnvironment().run(
            self.reader.read_again, Rereading(self.user_id, uuid4(), by_export=True), numbers
        )

    # --- what the seller does

    async def edit(self, product_id: int, **wish: Any) -> UUID:
        """Change a listing."""
        async with self.database.begin() as connection:
            item_id = (await self.row(product_id))["id"]
            done = await intents.edit(
                connection, self.user_id, item_id, Wish(**wish), versions=None, operation_id=uuid4()
            )
        assert done.operation_id is not None
        return done.operation_id

    async def delete(self, product_id: int) -> UUID:
        """Take a listing off sale."""
        async with self.database.begin() as connection:
            item_id = (await self.row(product_id))["id"]
            done = await intents.remove(connection, self.user_id, item_id, versions=None, operation_id=uuid4())
        assert done.operation_id is not None
        return done.operation_id

    async def put_on_sale(self, *listings: Mapping[str, Any]) -> UUID:
        """Record new listings."""
        operation_id = uuid4()
        new = [
            NewListing(one["blueprint_id"], {name: value for name, value in one.items() if name != "blueprint_id"})
            for one in listings
        ]
        async with self.database.begin() as connection:
            await intents.put_on_sale(connection, self.user_id, operation_id, new, fingerprint=operation_id.hex)
        return operation_id

    async def approve(self) -> None:
        """A person agrees to whatever is held for being too much at once."""
        async with self.database.begin() as connection:
            await plans.hold(connection, self.user_id)
            if plan := await plans.waiting_plan(connection, self.user_id):
                await plans.approve(connection, self.user_id, plan.plan_id, decided_by="test")

    # --- what the account workflow does

    async def step(self) -> ChangeStep:
        """Take and do the next step; what it was."""
        env = ActivityEnvironment()
        step = await env.run(self.changes.take_changes, self.ref)
        self.works.append(step.work)
        if step.work == "reread":
            await env.run(self.changes.reread_uncertain, self.ref)
        if step.batch_id is not None:
            batch = ChangeBatch(user_id=self.user_id, batch_id=step.batch_id)
            await env.run(
                {
                    "send": self.changes.send_changes,
                    "follow": self.changes.follow_job,
                    "settle": self.changes.settle_changes,
                    "verify": self.changes.verify_changes,
                }[step.work],
                batch,
            )
        return step

    async def work(self, most: int = 60) -> None:
        """Step until nothing is left."""
        for _ in range(most):
            if (await self.step()).work in ("none", "reread"):
                return
        raise AssertionError(f"changes stay open: {self.works[-10:]}")

    # --- what CardTrader does

    def fault(self, kind: FaultKind, **options: Any) -> None:
        """Let something go wrong."""
        self.market.faults.add(FaultSpec(kind=kind, **options))

    def sell(self, product_id: int, copies: int = 1) -> None:
        """Sell without telling us."""
        self.market.orders.sell(self.seller, [SaleLine(product_id, copies)], zero=False)

    async def reads_orders(self) -> None:
        """From here on orders are read where a lost answer is judged."""
        async with self.database.begin() as connection:
            await order_reading.move_on(connection, self.user_id, 0)

    async def told_of_sale(self, product_id: int, copies: int = 1) -> None:
        """Its webhook has come."""
        row = await self.row(product_id)
        statement = """
            INSERT INTO order_lines (user_id, order_id, order_item_id, product_id, blueprint_id, quantity,
                                     decrement_applied)
            VALUES (:user, 1, (random() * 1e9)::bigint, :product, :blueprint, :copies, true)
        """
        values = {"product": product_id, "blueprint": row["blueprint_id"], "copies": copies}
        async with self.database.begin() as connection:
            await connection.execute(text(statement), {"user": self.user_id, **values})

    async def bought_here(self, product_id: int, *, state: str = "purchased", copies: int = 1) -> None:
        """A buyer of ours has taken copies off CardTrader, or is about to."""
        row = await self.row(product_id)
        self.sell(product_id, copies)
        operation, purchase = (
            """
            INSERT INTO sync_operations (user_id, operation_id, operation_type, status)
            VALUES (:user, :operation, 'purchase', 'completed')
        """,
            """
            INSERT INTO purchases (user_id, operation_id, idempotency_key, item_id, blueprint_id, product_id, quantity,
                                   local_before, state, sent_at, ended_at)
            VALUES (:user, :operation, :operation, :item, :blueprint, :product, :copies, 9, cast(:state AS text), now(),
                    CASE WHEN cast(:state AS text) = 'purchased' THEN now() END)
        """,
        )
        values = {"user": self.user_id, "operation": str(uuid4())}
        named = {"item": row["id"], "blueprint": row["blueprint_id"], "product": product_id, "copies": copies}
        async with self.database.begin() as connection:
            await connection.execute(text(operation), values)
            await connection.execute(text(purchase), {**values, **named, "state": state})

    def on_sale(self, product_id: int) -> Any:
        """What CardTrader has; None when it is gone."""
        row = self.seller.stock.find(product_id)
        return None if row is None else self.seller.stock.read(row)

    def products(self, least: int = 1) -> list[int]:
        """Ids of products on sale with at least that many copies."""
        stock = self.seller.stock
        return [int(stock.read(row).id) for row in stock.live_rows().tolist() if stock.read(row).quantity >= least]

    def signable(self) -> list[dict[str, Any]]:
        """Listings that CardTrader takes for none it has: as a product, but signed where that is not."""
        shown = [self.market.products(self.seller).show(product) for product in self.products()]
        chosen = [(one, {item.name for item in blueprint(one.blueprint_id).editable}) for one in shown]
        return [
            {
                "blueprint_id": one.blueprint_id,
                "quantity": 4,
                "price_cents": 321,
                "properties": {name: value for name, value in one.properties.items() if name in names}
                | {"signed": not one.properties["signed"]},
            }
            for one, names in chosen
            if "signed" in names
        ]

    # --- what there is to see

    async def rows(self) -> dict[str | None, dict[str, Any]]:
        """Our stock by product."""
        return await self.stock.rows()

    async def row(self, product_id: int) -> dict[str, Any]:
        """Our row of a product."""
        query = text("SELECT * FROM user_inventory_items WHERE user_id = :user AND external_stock_id = :product")
        async with self.database.begin() as connection:
            found = await connection.execute(query, {"user": self.user_id, "product": str(product_id)})
            return dict(found.mappings().one())

    async def ended(self, operation_id: UUID) -> SimpleNamespace:
        """The operation's status and metadata, and its changes."""
        async with self.database.begin() as connection:
            names = {"id": str(operation_id)}
            query = text("SELECT status, operation_metadata AS told FROM sync_operations WHERE operation_id = :id")
            status, told = (await connection.execute(query, names)).one()
            query = text("SELECT * FROM item_changes WHERE operation_id = :id ORDER BY id")
            changes = [dict(row) for row in (await connection.execute(query, names)).mappings()]
        return SimpleNamespace(status=status, told=told, changes=changes, first=changes[0])

    async def outcomes(self, operation_ids: Sequence[UUID]) -> Counter[str]:
        """How many operations have which status."""
        query = text("SELECT status FROM sync_operations WHERE operation_id = ANY (cast(:ids AS text[]))")
        async with self.database.begin() as connection:
            found = await connection.execute(query, {"ids": [str(operation_id) for operation_id in operation_ids]})
            return Counter(found.scalars())

    async def differences(self) -> list[Any]:
        """What our books and CardTrader's disagree about: law L1; empty at rest."""
        stock = self.seller.stock
        truth = {str(one.id): (one.quantity, one.price_cents) for one in map(stock.read, stock.live_rows().tolist())}
        rows = await self.rows()
        ours = {
            key: (row["quantity"], row["price_cents"])
            for key, row in rows.items()
            if not (row["quantity"] == 0 and row["stale_since"])
        }
        open_rows = [(key, row["sync_state"]) for key, row in rows.items() if row["sync_state"] != "synced"]
        hidden = [key for key, row in rows.items() if row["deleted_at"] and key in truth]
        return [*(set(truth.items()) ^ set(ours.items())), *open_rows, *hidden]


@asynccontextmanager
async def opened_desk(
    database: Database, redis_url: str, *, products: int = 60, blueprints: int | None = None, knobs: Knobs = KNOBS
) -> AsyncIterator[Desk]:
    """A desk, its simulator closed at the end."""
    spec = SellerSpec(0, products, 1, TOKEN, blueprints)
    async with Market(MarketSpec((spec,), knobs=knobs)) as market:
        wire = Wire(market)
        async with httpx.AsyncClient(transport=wire) as http, Redis.from_url(redis_url) as redis:
            shared = CardTrader.limited(http, redis, "http://simulator/api/v2", limit=100_000, window=10, burst=1_000)
            # Many jobs within a second: how they are paced is the client's own test.
            shared = replace(shared, jobs_bucket=shared.bucket)
            yield await Desk(market, wire, database, shared).open()
