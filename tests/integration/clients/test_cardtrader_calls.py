"""The client's changes, jobs and orders against the simulator in process, under real limits in Redis."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from clients.cardtrader import CardTrader, CardTraderClient, Gone, Job, NewProduct, ProductChanges, errors
from devstack.simulators.cardtrader.app import create_app
from devstack.simulators.cardtrader.errors import ConnectionDropped
from devstack.simulators.cardtrader.faults import FaultSpec
from devstack.simulators.cardtrader.knobs import Knobs
from devstack.simulators.cardtrader.market import Market, MarketSpec
from devstack.simulators.cardtrader.seller import SellerSpec
from domain.cards.products import Product

_TOKEN = "seller-token"


class Wire(httpx.AsyncBaseTransport):
    """The simulator without sockets; where it drops a connection the client sees what it would see on one."""

    def __init__(self, market: Market) -> None:
        self._inner = httpx.ASGITransport(create_app(market))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except ConnectionDropped:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from None


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    async with Market(MarketSpec((SellerSpec(0, 300, 1, _TOKEN),), knobs=Knobs())) as market:
        yield market


@pytest.fixture
async def client(market: Market, redis_url: str) -> AsyncIterator[CardTraderClient]:
    http = httpx.AsyncClient(transport=Wire(market))
    async with http, Redis.from_url(redis_url) as redis:
        shared = CardTrader.limited(http, redis, "http://simulator/api/v2", limit=200, window=10, burst=3)
        yield shared.for_token(_TOKEN)


@pytest.fixture
async def control(market: Market) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=Wire(market), base_url="http://simulator/control") as client:
        yield client


@pytest.fixture
def some(market: Market) -> Product:
    """A Magic single with a foil print that is on sale."""
    (seller,) = market.sellers.values()
    products = market.products(seller)
    for row in seller.stock.live_rows().tolist():
        shown = products.show(seller.stock.read(row).id)
        if shown.category_id == 1 and shown.properties.get("mtg_foil") and shown.quantity > 1:
            return Product(shown.id, shown.blueprint_id, shown.quantity, shown.price.cents, dict(shown.properties))
    raise AssertionError("no foil in the stock")


def like(product: Product, **fields: Any) -> NewProduct:
    values: dict[str, Any] = {"price_cents": 275, "quantity": 2, "properties": product.properties_hash | {"cmc": "5"}}
    return NewProduct(blueprint_id=product.blueprint_id, **(values | fields))


async def quantity(client: CardTraderClient, product: Product) -> int | None:
    rows = await client.products.by_blueprint(product.blueprint_id)
    return next((row.quantity for row in rows if isinstance(row, Product) and row.id == product.id), None)


async def finished(client: CardTraderClient, job_id: uuid.UUID) -> Job:
    while not (job := await client.job(job_id)).is_over:
        pass
    return job


async def test_create_adds_to_one_such_product(client: CardTraderClient, some: Product) -> None:
    merged = await client.products.create(like(some))
    assert (merged.id, merged.quantity, merged.price_cents) == (some.id, some.quantity + 2, some.price_cents)
    assert merged.properties == some.properties_hash
    assert await quantity(client, some) == some.quantity + 2


async def test_a_value_that_does_not_suit_is_refused_before_anything_is_written(
    client: CardTraderClient, some: Product
) -> None:
    with pytest.raises(errors.Refused) as caught:
        await client.products.create(like(some, properties=some.properties_hash | {"condition": "Splendid"}))
    assert (caught.value.fields, caught.value.product_id) == (("condition",), None)
    assert await quantity(client, some) == some.quantity


async def test_update_changes_what_is_given(client: CardTraderClient, some: Product) -> None:
    changed = await client.products.update(some.id, ProductChanges(price_cents=1999, user_data_field="sku-1"))
    assert (changed.quantity, changed.price_cents, changed.user_data_field) == (some.quantity, 1999, "sku-1")
    with pytest.raises(errors.Refused) as caught:
        await client.products.update(some.id, ProductChanges(price_cents=5, properties={"mtg_language": "xx"}))
    assert (caught.value.fields, caught.value.product_id) == (("mtg_language",), some.id)


async def test_delete_twice(client: CardTraderClient, some: Product) -> None:
    assert await client.products.delete(some.id) == Gone(already=False)
    assert await client.products.delete(some.id) == Gone(already=True)


async def test_increment_to_zero_ends_the_product(client: CardTraderClient, some: Product) -> None:
    left = await client.products.increment(some.id, -1)
    assert not isinstance(left, Gone)
    assert left.quantity == some.quantity - 1
    assert await client.products.increment(some.id, 1 - some.quantity) == Gone(already=False)
    assert await client.products.increment(some.id, 1) == Gone(already=True)
    assert await quantity(client, some) is None


async def test_a_job_with_errors_is_followed_within_its_limit(
    client: CardTraderClient, some: Product, market: Market
) -> None:
    job_id = await client.bulk.update([
        (some.id, ProductChanges(price_cents=4321)),
        (1, ProductChanges(price_cents=1)),
        (some.id, ProductChanges(properties={"mtg_language": "xx"})),
    ])  # fmt: skip
    created = await client.bulk.create([like(some), like(some, quantity=0), like(some, price_cents=0)])
    done, missing, partly = (await finished(client, job_id)).results.values()
    job = await finished(client, created)
    assert [job.item(position).outcome for position in range(3)] == ["done", "refused", "refused"]
    assert [job.item(position).fields for position in range(3)] == [(), ("quantity",), ("price",)]
    assert (done.outcome, done.product_id) == ("done", some.id)
    assert (missing.outcome, missing.product_id, missing.fields) == ("refused", None, ("product",))
    assert (partly.outcome, partly.product_id, partly.fields) == ("refused", some.id, ("mtg_language",))
    (report,) = market.limiter.report().values()
    jobs = report.classes["jobs"]
    assert (jobs.max_in_any_window, jobs.refused_429, report.refused_429) == (1, 0, 0)
    assert jobs.requests >= 2


async def test_jobs_that_tell_nothing(client: CardTraderClient, some: Product, market: Market) -> None:
    market.knobs = market.knobs.model_copy(update={"job_unprocessable": 1.0, "job_pending": 0.0})
    job = await client.job(await client.bulk.destroy([some.id]))
    assert (job.state, job.item(0).outcome) == ("unprocessable", "unknown")
    assert (await client.job(uuid.uuid4())).state == "unknown"


async def test_orders_page_by_page(client: CardTraderClient, control: httpx.AsyncClient) -> None:
    sold = [(await control.post("/sell", json={})).json() for _ in range(5)]
    pages = [page async for page in client.orders.pages(page_size=2)]
    assert [[order.id for order in page] for page in pages] == [
        [order["id"] for order in sold[start : start + 2]] for start in (0, 2, 4)
    ]
    later = [order.id async for page in client.orders.pages(from_id=sold[2]["id"], state="paid") for order in page]
    assert later == [order["id"] for order in sold[3:]]
    order = await client.orders.get(sold[0]["id"])
    assert (order.state, order.order_as, order.via_cardtrader_zero) == ("paid", "seller", False)
    assert [item.product_id for item in order.order_items] == [item["product_id"] for item in sold[0]["order_items"]]


@pytest.mark.parametrize(("kind", "done"), [("lost_answer", 1), ("drop_request", 0)])
async def test_a_lost_answer_leaves_doubt_that_reading_settles(
    client: CardTraderClient, some: Product, market: Market, kind: Any, done: int
) -> None:
    market.faults.add(FaultSpec(kind=kind, count=2))
    with pytest.raises(errors.OutcomeUnknown):
        await client.products.increment(some.id, -1)
    with pytest.raises(errors.OutcomeUnknown):
        await client.products.create(like(some, properties={}, user_data_field="marker"))
    assert await quantity(client, some) == some.quantity - done
    rows = await client.products.by_blueprint(some.blueprint_id)
    assert sum(isinstance(row, Product) and row.user_data_field == "marker" for row in rows) == done


async def test_a_429_was_not_accepted(client: CardTraderClient, some: Product, market: Market) -> None:
    market.faults.add(FaultSpec(kind="too_many", count=1, retry_after=0))
    with pytest.raises(errors.RateLimited):
        await client.products.increment(some.id, -1)
    (seller,) = market.sellers.values()
    assert market.products(seller).show(some.id).quantity == some.quantity
