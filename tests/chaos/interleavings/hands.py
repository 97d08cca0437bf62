"""The seller and the buyers at our API: edits, deletions, new listings, purchases; any may meet an API that dies."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx

from tests.chaos.interleavings.schedule import pause

Act = Callable[..., Awaitable[httpx.Response | None]]
Rows = Callable[..., Awaitable[list[asyncpg.Record]]]

HAND_ACTIONS: Final[dict[str, int]] = {
    "quantity": 6,
    "price": 3,
    "both": 2,
    "stale": 2,
    "delete": 2,
    "add": 3,
    "buy": 8,
}
_ITEMS: Final = """
SELECT id, quantity, reserved_quantity, row_version, blueprint_id FROM user_inventory_items
WHERE user_id = $1 AND deleted_at IS NULL AND quantity > 0 ORDER BY id
"""
_LOOKS: Final = 30
_ITEM: Final = "/inventory/{user}/item/"
# What may be answered: done, refused for a reason of the moment, or not decided yet.
_EXPECTED: Final = {
    "PUT": (200, 404, 409, 412),
    "DELETE": (200, 404, 409, 412),
    "POST": (200, 202, 400, 404, 409),
}
_PURCHASE_REPEATS: Final = 3


class Hands:
    """Each action picks an item as it then is."""

    def __init__(self, act: Act, rows: Rows, rng: random.Random, blueprints: int) -> None:
        self._act, self._rows, self._rng, self._blueprints = act, rows, rng, blueprints
        self.violations: list[str] = []
        self.requests = 0

    async def play(self, actions: Sequence[str]) -> None:
        """One after the other, with anything in between."""
        for action in actions:
            await pause(f"hands: {action}")
            await self.do(action)

    async def do(self, action: str) -> None:
        """Do it, where there is an item to do it to."""
        if action == "add":
            await self._add()
        elif (item := await self._item()) is not None:
            await self._change(action, item)

    async def _item(self) -> asyncpg.Record | None:
        """Any item on sale; the first sync may not be over yet."""
        for _ in range(_LOOKS):
            if found := await self._rows(_ITEMS):
                return self._rng.choice(found)
            await pause("hands: no stock yet")
        return None

    async def _change(self, action: str, item: asyncpg.Record) -> None:
        match action:
            case "delete":
                await self._request(action, "DELETE", f"{_ITEM}{item['id']}")
            case "buy":
                await self.buy(item["id"], self._rng.randint(1, min(2, item["quantity"])))
            case "stale":
                headers = {"If-Match": f'"{max(1, item["row_version"] - self._rng.randint(0, 1))}"'}
                await self._request(
                    action, "PUT", f"{_ITEM}{item['id']}", json=self._fields("both", item), headers=headers
                )
            case _:
                await self._request(action, "PUT", f"{_ITEM}{item['id']}", json=self._fields(action, item))

    def _fields(self, action: str, item: asyncpg.Record) -> dict[str, Any]:
        quantity = max(item["reserved_quantity"], item["quantity"] + self._rng.randint(-3, 3), 0)
        fields = {"quantity": quantity, "price_cents": self._rng.randint(1, 900)}
        if action == "both":
            return fields | {"description": f"copy {self._rng.randint(1, 9)}"}
        return {name: value for name, value in fields.items() if name.startswith(action)}

    async def buy(self, item_id: int, copies: int, key: str = "") -> httpx.Response | None:
        """Buy; who gets no answer asks again with the same key."""
        headers = {"Idempotency-Key": key or str(UUID(int=self._rng.getrandbits(128), version=4))}
        answer = None
        for _ in range(_PURCHASE_REPEATS):
            answer = await self._request(
                "buy", "POST", f"/purchase/{{user}}/item/{item_id}", json={"purchaseQuantity": copies}, headers=headers
            )
            if answer is not None:
                break
        return answer

    async def _add(self) -> None:
        items = [
            {"blueprint_id": self._rng.randint(1, self._blueprints), "price_cents": 100, "quantity": 2}
            for _ in range(self._rng.randint(1, 2))
        ]
        key = str(self._rng.getrandbits(64))
        for _ in range(2):
            if await self._request(
                "add", "POST", "/inventory/{user}/items", json={"items": items}, headers={"Idempotency-Key": key}
            ):
                break

    async def decide(self, path: str) -> None:
        """About a plan."""
        await self._request("plan", "POST", path)

    async def _request(self, action: str, method: str, path: str, **options: Any) -> httpx.Response | None:
        self.requests += 1
        answer = await self._act(action, method, path, **options)
        if answer is not None and answer.status_code not in _EXPECTED[method]:
            self.violations.append(f"{action} was answered {answer.status_code}: {answer.text}")
        return answer
