"""A whole API with its servers and a simulated CardTrader, and a caller who has something in every context."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import insert

from db.cards.tables import user_inventory_items
from db.session import Database
from devstack import DevStack
from devstack.service import CARDTRADER_TOKEN, RunningService, ServiceOptions, start_service
from tests.helpers.api import PREFIX, bearer
from tests.helpers.fuzzing import Caller
from workflows import task_queues

SELLER = UUID("8f14e45f-ceea-467f-9b51-3d1f1a6c0b10")
ITEMS = Path(__file__).resolve().parents[3] / "docs" / "examples" / "items.json"
STORE = {
    "marketplace": "etsy",
    "externalStoreId": "1",
    "storeName": "Lamps",
    "accessToken": "etsy-token-4711",
    "currency": "EUR",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Servers of their own: the queues' names are fixed, and our worker would take other tests' workflows."""
    directory = tmp_path_factory.mktemp("fuzzing")
    with DevStack(directory, services={"postgres", "valkey", "temporal"}, durable=False, environ={}) as stack:
        running = start_service(stack, ServiceOptions(products=100, workers={"worker": task_queues.ALL}))
        yield running
        running.stop()


@pytest.fixture(scope="module")
async def caller(service: RunningService) -> Caller:
    """Every role in one token: what is refused for want of one is tried by the matrices of the contexts."""
    token = service.access_token(SELLER, ["operator", "reader", "store"], store_id="shop-1", org="org-1")
    async with httpx.AsyncClient(base_url=service.api_url, headers=bearer(token), timeout=30) as http:

        async def made(method: str, path: str, body: object) -> dict[str, str]:
            answer = await http.request(method, path, json=body)
            answer.raise_for_status()
            found: dict[str, str] = answer.json()
            return found

        await made("POST", f"{PREFIX}/link/{SELLER}", {"cardtrader_token": CARDTRADER_TOKEN})
        await made("PUT", "/store/v1/local/inventory/LAMP-1", {"name": "Lamp"})
        await made("POST", "/store/v1/local/inventory/LAMP-1/update", {"delta": 5})
        answer = await http.post(
            "/bridge/api/v1/entities", content=ITEMS.read_bytes(), headers={"Content-Type": "application/json"}
        )
        answer.raise_for_status()
        store = await made("POST", "/marketplace/stores/register", {"organizationId": "org-1", **STORE})
    return Caller(
        token,
        {
            "path.user_id": str(SELLER),
            "path.item_id": await _listed(service),
            "path.sku": "LAMP-1",
            "path.entity": "items",
            "query.organizationId": "org-1",
            "path.storeId": store["storeId"],
        },
    )


async def _listed(service: RunningService) -> int:
    """Our id of a listing on sale."""
    database = Database.connect(service.environment["DATABASE_URL"])
    listing = {"blueprint_id": 1, "quantity": 4, "price_cents": 100, "external_stock_id": "1"}
    async with database.begin() as connection:
        statement = insert(user_inventory_items).values(user_id=SELLER, **listing).returning(user_inventory_items.c.id)
        item_id = (await connection.execute(statement)).scalar_one()
    await database.close()
    return int(item_id)
