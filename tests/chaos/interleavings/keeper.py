"""The seller as keeper of the account: reconciles, stops syncs, disconnects, links again, changes much at once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg
import httpx

from tests.chaos.interleavings.market import TOKEN
from tests.chaos.interleavings.schedule import pause

Act = Callable[..., Awaitable[httpx.Response | None]]
Rows = Callable[..., Awaitable[list[asyncpg.Record]]]

KEEPER_ACTIONS: Final[dict[str, int]] = {
    "reconcile": 4,
    "dry_run": 1,
    "blueprint": 2,
    "cancel": 3,
    "disconnect": 2,
    "list_many": 2,
}
BULK_ACTIONS: Final[dict[str, int]] = {"reprice_many": 3, "delete_many": 1}
"""These need a stock of `BULK_STOCK` products."""
BULK_STOCK: Final = 24
_ITEMS: Final = """
SELECT id, price_cents FROM user_inventory_items
WHERE user_id = $1 AND deleted_at IS NULL AND quantity > 0 ORDER BY id
"""
_LINKED: Final = "SELECT suspended_at IS NULL AS linked FROM user_sync_settings WHERE user_id = $1"
_LOOKS: Final = 12
_TRIES: Final = 6
# A sync may run or the account be disconnected at the time; who deletes may find the listing sold out.
_EXPECTED: Final = (200, 202, 404, 409)


class Keeper:
    """Each action is tried once, whatever else happens; a link until it is there."""

    def __init__(self, act: Act, rows: Rows, rng: random.Random, blueprints: int) -> None:
        self._act, self._rows, self._rng, self._blueprints = act, rows, rng, blueprints
        self.violations: list[str] = []

    async def play(self, actions: Sequence[str]) -> None:
        """One after the other, each after some time."""
        for action in actions:
            for _ in range(self._rng.randint(1, _LOOKS)):
                await pause(f"keeper: {action} later")
            await self.do(action)

    async def do(self, action: str) -> None:
        """Do it."""
        match action:
            case "reconcile":
                await self._reconcile(action)
            case "dry_run":
                await self._reconcile(action, dry_run="true")
            case "blueprint":
                await self._reconcile(action, blueprint_id=str(self._rng.randint(1, self._blueprints)))
            case "cancel":
                await self._request(action, "POST", "/cancel/{user}")
            case "disconnect":
                await self._request(action, "POST", "/disconnect/{user}", json={"action": "suspend"})
                await self.link()
            case "list_many":
                await self._list_many()
            case _:
                await self._change_many(action)

    async def link(self) -> None:
        """Link the account, as often as it takes."""
        for _ in range(_TRIES):
            if (await self._rows(_LINKED))[0]["linked"]:
                return
            await self._request("link", "POST", "/link/{user}", json={"cardtrader_token": TOKEN})
            await pause("keeper: linked?")

    async def _reconcile(self, action: str, **params: str) -> None:
        await self._request(action, "POST", "/sync-from-cardtrader/{user}", params=params)

    async def _list_many(self) -> None:
        """More than go one by one, some of them alike."""
        items = [
            {"blueprint_id": self._rng.randint(1, self._blueprints), "price_cents": self._rng.randint(50, 55)}
            | {"quantity": self._rng.randint(1, 2)}
            for _ in range(self._rng.randint(21, 24))
        ]
        key = {"Idempotency-Key": str(self._rng.getrandbits(64))}
        for _ in range(2):
            if await self._request("list", "POST", "/inventory/{user}/items", json={"items": items}, headers=key):
                break

    async def _change_many(self, action: str) -> None:
        for item in await self._rows(_ITEMS):
            path = f"/inventory/{{user}}/item/{item['id']}"
            if action == "delete_many":
                await self._request(action, "DELETE", path)
            else:
                # Never so much that it has to be approved.
                price = item["price_cents"] + self._rng.randint(1, 1 + item["price_cents"] // 4)
                await self._request(action, "PUT", path, json={"price_cents": price})

    async def _request(self, action: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        answer = await self._act(action, method, path, **options)
        if answer is not None and answer.status_code not in _EXPECTED:
            self.violations.append(f"{action} was answered {answer.status_code}: {answer.text}")
        return answer
