"""Plays a scenario against the site and collects what it broke."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

import httpx

from tests.chaos import laws
from tests.chaos.report import Report
from tests.chaos.scenarios import Round, Scenario, Strike
from tests.chaos.site import Site, read_through, within
from tests.chaos.watching import watch
from tests.helpers.shop import Answer, Shop

PRODUCTS: Final = 3_000
_SYNC_SECONDS: Final = 180.0
_STREAM_SECONDS: Final = 20.0
_REFUSALS: Final = (httpx.codes.CONFLICT, httpx.codes.SERVICE_UNAVAILABLE)
_OPEN: Final = ("pending", "running")
_STATE: Final = """
SELECT operation_id, status, coalesce((operation_metadata->>'total_chunks')::int, 0) AS total,
       (SELECT count(*) FROM export_chunks AS chunk
        WHERE chunk.operation_id = operation.operation_id AND applied_at IS NOT NULL) AS applied
FROM sync_operations AS operation WHERE user_id = $1 ORDER BY id DESC LIMIT 1
"""


class Play:
    """One seller through one scenario."""

    def __init__(self, site: Site, shop: Shop, report: Report) -> None:
        self._site, self._shop, self._report = site, shop, report
        self._clock = asyncio.get_running_loop().time
        self._repaired = 0.0
        self._unsettled = False
        self._violations: list[str] = []

    async def run(self, story: Scenario) -> list[str]:
        """Both rounds, then rest; what broke the laws, in words."""
        for number, round_ in enumerate(story.rounds):
            await self._round(number, round_)
        if self._unsettled:
            await self._follow_up()
        await self._rest()
        return self._violations

    async def _round(self, number: int, round_: Round) -> None:
        await self._prepare(round_)
        task_id = await self._shop.start()
        self._repaired = self._clock()
        async with asyncio.TaskGroup() as tasks:
            stream = tasks.create_task(watch(self._shop, _SYNC_SECONDS + _STREAM_SECONDS))
            for strike in round_.strikes:
                tasks.create_task(self._after(strike.at, strike.lag, self._strike(strike)))
            if round_.rival is not None:
                tasks.create_task(self._after(round_.rival, 0, self._rival()))
        self._violations += await stream
        await self._settle(number, task_id, round_)

    async def _prepare(self, round_: Round) -> None:
        if round_.change is not None:
            wanted = {"token": self._shop.token, "fraction_changed": 0.01, "seed": round_.change}
            (await self._shop.site.post("/change", json=wanted)).raise_for_status()
            self._report.faults["stock changed"] += 1
        for upset in round_.upsets:
            await self._shop.fault(upset.kind, **dict(upset.options))
            self._report.faults[upset.kind] += 1
        if round_.pace is not None:
            await self._shop.fault("slow", bytes_per_second=round_.pace, count=1)

    async def _after(self, share: float, lag: float, then: Awaitable[None]) -> None:
        await within(_SYNC_SECONDS, lambda: self._has_reached(share), "the sync stands still", pause=0.03)
        await asyncio.sleep(lag)
        await then

    async def _has_reached(self, share: float) -> bool:
        rows = await read_through(self._shop, _STATE)
        if not rows:
            return False
        (now,) = rows
        return now["status"] not in _OPEN or share == 0 or 0 < now["total"] * share <= now["applied"]

    async def _strike(self, strike: Strike) -> None:
        self._report.faults[f"kill {strike.target}"] += 1
        await self._site.strike(strike)
        self._repaired = self._clock()

    async def _rival(self) -> None:
        """A second start: refused while the first sync runs, whatever else is broken."""
        self._report.faults["rival start"] += 1
        try:
            answer = await self._shop.api.post(f"/start/{self._shop.user_id}")
        except httpx.TransportError:
            return
        # 202 is right when the first sync has just ended; `laws.closed` sees that they do not overlap.
        if answer.status_code not in (*_REFUSALS, httpx.codes.ACCEPTED):
            self._violations.append(f"a rival start was answered {answer.status_code}: {answer.text}")

    async def _settle(self, number: int, task_id: str, round_: Round) -> None:
        await self._site.ready()
        seen = await self._ended()
        self._report.slowest = max(self._report.slowest, self._clock() - self._repaired)
        self._report.syncs += 1
        await self._shop.clear_faults()
        self._unsettled = seen["state"] != "completed" or bool(seen["stale"])
        if seen["state"] == "completed":
            self._violations += await laws.converged(self._shop)
        elif not (round_.may_be_rejected and (seen["error"] or {}).get("code") == "EXPORT_REJECTED"):
            self._violations.append(f"round {number}, {task_id}: ended {seen['state']}: {seen['error']}")
        if dead := self._site.dead():
            self._violations.append(f"round {number}: ended by themselves: {dead}")

    async def _ended(self) -> Answer:
        async def over() -> bool:
            return (await self._shop.progress())["state"] not in _OPEN

        await within(_SYNC_SECONDS, over, "the sync has not ended")
        return await self._shop.progress()

    async def _follow_up(self) -> None:
        """A clean sync after one that failed, or that made rows stale, must succeed."""
        seen = await self._shop.sync()
        self._report.syncs += 1
        if seen["state"] != "completed":
            self._violations.append(f"a clean sync ended {seen['state']}: {seen['error']}")
        self._violations += await laws.converged(self._shop)

    async def _rest(self) -> None:
        self._violations += await laws.repeatable(self._shop)
        self._report.syncs += 1
        self._violations += await laws.closed(self._shop)
        if over := self._site.windows_over_limit():
            self._violations.append(f"L5 {over} windows over the limit")
        self._violations += [f"L7 a secret is in {name}" for name in self._site.leaks()]
        if left := self._site.staging:
            self._violations.append(f"L3 left on the staging disk: {left}")
