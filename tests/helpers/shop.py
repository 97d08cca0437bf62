"""A seller of the running service, as a test drives it: over the API, the simulator's controls and the books."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import numpy as np
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cli.demo.books import compare, local_stock
from cli.demo.figures import Drift
from devstack.service import RunningService
from tests.helpers.waiting import eventually
from workflows.cards.contracts import account_id

API = "/api/v1/sync"
# Servers close what was idle for 5 s, perhaps just when it is used again.
FRESH = httpx.Limits(keepalive_expiry=2)
Answer = dict[str, Any]


@dataclass
class Shop:
    """One linked seller with a stock of its own on the simulated CardTrader."""

    service: RunningService
    token: str
    user_id: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        headers = {"Authorization": f"Bearer {self.service.access_token(self.user_id)}"}
        self.api = httpx.AsyncClient(base_url=f"{self.service.api_url}{API}", headers=headers, timeout=30, limits=FRESH)
        self.site = httpx.AsyncClient(base_url=f"{self.service.simulator_url}/control", timeout=60, limits=FRESH)

    async def close(self) -> None:
        """Close the connections."""
        await self.api.aclose()
        await self.site.aclose()

    async def link(self) -> None:
        """Link the account."""
        (await self.api.post(f"/link/{self.user_id}", json={"cardtrader_token": self.token})).raise_for_status()

    async def still(self, client: Client) -> None:
        """Nobody but a sync reads for it: its account's workflow, awake for a while after the link, is ended."""
        try:
            await client.get_workflow_handle(account_id(self.user_id)).terminate()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise

    async def start(self, **params: Any) -> str:
        """Start a sync; its task id."""
        answer = (await self.api.post(f"/start/{self.user_id}", params=params)).raise_for_status().json()
        return str(answer["task_id"])

    async def progress(self) -> Answer:
        """What the seller sees."""
        answer: Answer = (await self.api.get(f"/progress/{self.user_id}")).raise_for_status().json()
        return answer

    async def ended(self, task_id: str, seconds: float = 60) -> Answer:
        """Wait for the end of a sync; its last progress."""

        async def over() -> Answer:
            seen = await self.progress()
            assert seen["operation_id"] == task_id
            assert seen["state"] not in ("pending", "running"), seen
            return seen

        return await eventually(over, seconds)

    async def sync(self, **params: Any) -> Answer:
        """A whole sync; its last progress."""
        return await self.ended(await self.start(**params))

    async def drift(self) -> Drift:
        """Our books against the simulator's."""
        body = (await self.site.get("/stock", params={"token": self.token})).raise_for_status().content
        truth = np.load(io.BytesIO(body), allow_pickle=False)
        return compare(await local_stock(self.service.environment["DATABASE_URL"], self.user_id), truth)

    async def rows(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of our database; $1 is the user."""
        connection = await asyncpg.connect(self.service.environment["DATABASE_URL"].replace("+asyncpg", "", 1))
        try:
            return list(await connection.fetch(query, self.user_id, *values))
        finally:
            await connection.close()

    async def fault(self, kind: str, **options: Any) -> None:
        """Switch a fault of the simulator on; the `shop` fixture clears them."""
        (await self.site.post("/faults", json={"kind": kind, **options})).raise_for_status()

    async def clear_faults(self) -> None:
        """Switch all faults off."""
        (await self.site.delete("/faults")).raise_for_status()

    async def listen(self) -> None:
        """Have CardTrader send its webhooks to us."""
        address = (await self.api.get(f"/webhook-url/{self.user_id}")).raise_for_status().json()["webhook_url"]
        (await self.site.put("/webhook", json={"token": self.token, "url": address})).raise_for_status()

    async def sell(self, *lines: tuple[int, int], **options: Any) -> Answer:
        """A purchase on CardTrader of (product id, copies); random ones unless given. The order."""
        wanted = [{"product_id": product, "quantity": copies} for product, copies in lines]
        sale = {"token": self.token, "lines": wanted, **options}
        order: Answer = (await self.site.post("/sell", json=sale)).raise_for_status().json()
        return order

    async def order_state(self, order_id: int, state: str, **options: Any) -> None:
        """Move an order to another state."""
        change = {"token": self.token, "state": state, **options}
        (await self.site.post(f"/orders/{order_id}/state", json=change)).raise_for_status()

    async def events(self) -> dict[str, int]:
        """The inbox: how many events with each outcome; "" is pending."""
        rows = await self.rows(
            "SELECT CASE WHEN processed_at IS NULL THEN '' ELSE outcome END AS outcome, count(*) AS events"
            " FROM webhook_inbox WHERE user_id = $1 GROUP BY 1"
        )
        return {row["outcome"]: row["events"] for row in rows}

    async def settled(self, events: int, seconds: float = 30) -> dict[str, int]:
        """Wait until that many events were received and all are processed; how many by outcome."""

        async def over() -> dict[str, int]:
            seen = await self.events()
            assert sum(seen.values()) >= events, seen
            assert "" not in seen, seen
            return seen

        return await eventually(over, seconds)

    async def fingerprint(self) -> tuple[Any, ...]:
        """Everything that a repeat must not change, row versions included."""
        (row,) = await self.rows(
            "SELECT count(*), sum(row_version), sum(quantity), md5(string_agg(md5(item::text), '' ORDER BY id))"
            " FROM user_inventory_items AS item WHERE user_id = $1"
        )
        return tuple(row)


def conserved(seen: Answer) -> bool:
    """Law L6: every row fetched became something."""
    parts = ("created", "updated", "unchanged", "contested", "failed")
    return bool(seen["processed"] == seen["total_products"] == sum(seen[name] for name in parts))
