"""Questions to a CardTrader simulator in this process."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np

from devstack.simulators.cardtrader.knobs import Knobs

TOKEN = "seller-token"
FAST = Knobs(job_pending=0, job_running=0, webhook_backoff=0, jobs_limit=1000)


async def answered(answer: httpx.Response, status: int = 200) -> Any:
    """The body, if there is one, of an answer that must have that status."""
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def export(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    """What the export holds."""
    rows: list[dict[str, Any]] = await answered(await api.get("/products/export", params=query))
    return rows


async def books(control: httpx.AsyncClient) -> dict[int, tuple[int, int]]:
    """Quantity and price of every product in the simulator's own books."""
    content = (await control.get("/stock")).content
    return {int(row["id"]): (int(row["quantity"]), int(row["price_cents"])) for row in np.load(io.BytesIO(content))}


async def magic(api: httpx.AsyncClient) -> dict[str, Any]:
    """A Magic single that has a foil print."""
    for product in await export(api):
        if product["category_id"] == 1 and product["properties_hash"]["mtg_foil"]:
            return product
    raise AssertionError("no foil in the stock")
