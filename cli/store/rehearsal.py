"""A rehearsal: a shop sells from several tills at once while central is killed and revived at random; then both sets
of books are compared, movement by movement.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import httpx

from cli.errors import UnfitError
from cli.store.figures import StoreFigures
from devstack.central import CentralServer
from domain.store.pushing import LONGEST_SHORT_WAIT

SKUS: Final = 24
_STOCK: Final = 400
_LOCAL: Final = "/store/v1/local"
_TILLS: Final = 8
_PAGE: Final = 1000
_MOST_SECONDS: Final = 150.0
_MOST_SECONDS_EACH: Final = 0.1
_LOOK_SECONDS: Final = 0.5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Script:
    """What is rehearsed. Each outage begins at a random moment of its share of the sales, and lasts `away` seconds."""

    updates: int
    outages: int
    seed: int
    away: tuple[float, float] = (0.5, 3.0)
    elsewhere: int = 40


@dataclass
class Rehearsal:
    """One shop on a running service; `http` is its caller of our API, `control` that of central's /control."""

    script: Script
    http: httpx.AsyncClient
    control: httpx.AsyncClient
    central: CentralServer
    say: Say
    is_away: bool = False
    outages: int = 0
    elsewhere: int = 0
    most_waiting: int = 0
    seconds: list[float] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    accepted: dict[UUID, tuple[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.script.seed)  # noqa: S311 - a repeatable story
        self._skus = [f"DEMO-{self.script.seed}-{number:03}" for number in range(SKUS)]
        self._left = self.script.updates
        self._may_sell = asyncio.Event()
        self._may_sell.set()

    async def play(self) -> StoreFigures:
        """From the first sale to the last law.

        Raises:
            UnfitError: an update was answered in a way nobody expects, or both never came to rest.
        """
        await self._open()
        self.say(f"{self.script.updates:,} movements of {SKUS} items, central goes down {self.script.outages} times")
        selling = asyncio.gather(*(self._till() for _ in range(_TILLS)), self._others())
        await asyncio.gather(selling, self._outages())
        ended = time.monotonic()
        self.say(
            f"{len(self.accepted):,} accepted, {self.told['while_away']:,} of them while central was away; "
            f"{self.most_waiting:,} waited at most"
        )
        await self._rest()
        return await self._judged(time.monotonic() - ended)

    async def _open(self) -> None:
        stock = {"quantities": dict.fromkeys(self._skus, _STOCK)}
        (await self.control.post("/items", json=stock)).raise_for_status()
        for sku in self._skus:
            (await self.http.put(f"{_LOCAL}/inventory/{sku}", json={"name": f"Item {sku}"})).raise_for_status()
        await self._until(self._has_stock, "the first reading")

    async def _has_stock(self) -> bool:
        return all(item["last_synced_at"] for item in await self._items())

    async def _till(self) -> None:
        """Sell until all is sold."""
        while await self._may_sell.wait() and self._left > 0:
            self._left -= 1
            sku, delta = self._rng.choice(self._skus), self._rng.choice((-3, -2, -1, -1, -1, 1, 4))
            operation = UUID(int=self._rng.getrandbits(128), version=4)
            began = time.perf_counter()
            answer = await self.http.post(
                f"{_LOCAL}/inventory/{sku}/update", json={"delta": delta, "operation_id": str(operation)}
            )
            self.seconds.append(time.perf_counter() - began)
            self._note(answer, operation, sku, delta)

    def _note(self, answer: httpx.Response, operation: UUID, sku: str, delta: int) -> None:
        if answer.is_success:
            self.accepted[operation] = (sku, delta)
            self.told["while_away"] += self.is_away
        elif answer.status_code == httpx.codes.BAD_REQUEST:
            self.told["refused"] += 1
        else:
            raise UnfitError(f"an update was answered {answer.status_code}: {answer.text}")

    async def _others(self) -> None:
        """Somebody else sells the same at central, whenever it is there."""
        while self._left > 0 and self.elsewhere < self.script.elsewhere:
            await asyncio.sleep(self._rng.uniform(0.02, 0.2))
            move = {"sku": self._rng.choice(self._skus), "delta": self._rng.choice((-4, -1, 2))}
            try:
                moved = (await self.control.post("/move", json=move)).raise_for_status().json()["moved"]
            except httpx.TransportError:
                continue
            self.elsewhere += moved

    async def _outages(self) -> None:
        """One in each share of the sales; the tills wait for the kill, so that some are made while central is away."""
        for number in range(self.script.outages):
            begins = self.script.updates * (1 - (number + self._rng.uniform(0.2, 0.7)) / self.script.outages)
            while self._left > begins:  # noqa: ASYNC110 - a counter, looked at now and then
                await asyncio.sleep(0.005)
            self._may_sell.clear()
            await asyncio.to_thread(self.central.kill)
            self.is_away, self.outages = True, self.outages + 1
            self._may_sell.set()
            self.say(f"central is down ({self.outages} of {self.script.outages}), the shop goes on selling")
            await asyncio.sleep(self._rng.uniform(*self.script.away))
            self.most_waiting = max(self.most_waiting, await self._waiting())
            await asyncio.to_thread(self.central.revive)
            self.is_away = False

    async def _rest(self) -> None:
        """Not longer than the longest short wait, unless somebody asks: then at once."""
        self.say(f"central is back; the queue is worked off within {LONGEST_SHORT_WAIT} s, or at once when triggered")
        (await self.http.post(f"{_LOCAL}/sync/trigger")).raise_for_status()
        await self._until(self._is_at_rest, "the queue to be worked off")

    async def _is_at_rest(self) -> bool:
        if await self._waiting():
            return False
        theirs = (await self.control.get("/stock")).raise_for_status().json()
        ours = {item["sku"]: item["quantity"] for item in await self._items()}
        return all(ours[sku] == theirs[sku][1] for sku in self._skus)

    async def _waiting(self) -> int:
        health = (await self.http.get("/store/health")).json()
        return int(health["queue"]["waiting"]) + int(health["queue"]["for_people"])

    async def _items(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.http.get(f"{_LOCAL}/inventory", params={"limit": _PAGE})).json()[
            "items"
        ]
        return [item for item in items if item["sku"] in self._skus]

    async def _until(self, check: Callable[[], Any], what: str) -> None:
        patience = _MOST_SECONDS + _MOST_SECONDS_EACH * self.script.updates
        end = time.monotonic() + patience
        while not await check():
            if time.monotonic() > end:
                raise UnfitError(f"waited {patience:g} s for {what}")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _judged(self, converged_after: float) -> StoreFigures:
        """Central's own books against what the tills were told."""
        ours = await self._operations()
        taken = [
            (UUID(operation), sku)
            for operation, sku, _ in (await self.control.get("/movements")).raise_for_status().json()
            if operation != "foreign"
        ]
        counts = Counter(operation for operation, _ in taken)
        back = {operation for operation, row in ours.items() if row["status"] == "conflict"}
        theirs = (await self.control.get("/stock")).raise_for_status().json()
        slow = sorted(self.seconds)[int(len(self.seconds) * 0.99) - 1] if self.seconds else 0.0
        return StoreFigures(
            updates=self.script.updates,
            accepted=len(self.accepted),
            refused=self.told["refused"],
            while_away=self.told["while_away"],
            outages=self.outages,
            elsewhere=self.elsewhere,
            slowest_ms=round(slow * 1000, 1),
            most_waiting=self.most_waiting,
            converged_after=round(converged_after, 2),
            pushed=sum(operation in counts for operation in self.accepted),
            conflicts=len(back),
            lost=sum((operation in counts) == (operation in back) for operation in self.accepted),
            doubled=sum(count > 1 for count in counts.values()),
            out_of_order=_out_of_order(ours, taken),
            drift=sum(item["quantity"] != theirs[item["sku"]][1] for item in await self._items()),
        )

    async def _operations(self) -> dict[UUID, dict[str, Any]]:
        """Every movement of the tills as the shop has it, oldest first."""
        found: list[dict[str, Any]] = []
        for sku in self._skus:
            cursor: str | None = ""
            while cursor is not None:
                params = {"limit": str(_PAGE), **({"cursor": cursor} if cursor else {})}
                page = (
                    (await self.http.get(f"{_LOCAL}/inventory/{sku}/operations", params=params))
                    .raise_for_status()
                    .json()
                )
                found, cursor = [*found, *page["operations"]], page["next_cursor"]
        rows = sorted((row for row in found if row["kind"] == "local"), key=lambda row: int(row["local_version"]))
        return {UUID(row["operation_id"]): row for row in rows}


def _out_of_order(ours: dict[UUID, dict[str, Any]], taken: list[tuple[UUID, str]]) -> int:
    """Items of which central took ours in another order than they were made in."""
    there: dict[str, list[UUID]] = defaultdict(list)
    for operation, sku in taken:
        if operation in ours:
            there[sku].append(operation)
    here: dict[str, list[UUID]] = defaultdict(list)
    for operation, row in ours.items():
        if row["status"] == "completed":
            here[row["sku"]].append(operation)
    return sum(here[sku] != there[sku] for sku in here.keys() | there.keys())
