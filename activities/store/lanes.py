"""One pass over a shop's queue: items side by side, the movements of each strictly one after the other.

Idempotent: a movement is committed as in progress before it is sent, and carries its operation as key. Whoever comes
after a crash repeats the very same request, and central answers as it did the first time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import timedelta
from typing import TypeVar

from clients.central import Adjustment, CentralClient, CentralDenied, CentralRefused, CentralUnavailable
from db.session import Database
from db.store import pushes
from db.store.pushes import Claim
from domain.store.conflicts import Attempt, resolve
from domain.store.pushing import LANES, MOST_REBASES, Ending, Lane, PassCounts, goes_on
from domain.store.stock import CentralStock
from domain.store.vocabulary import Reason

T = TypeVar("T")
Backoff = Callable[[int], timedelta]
"""How long to wait after so many failures in a row."""

_NOT_FOUND = 404
_CONFLICT = 409


async def side_by_side(items: Iterable[T], work: Callable[[T], Awaitable[bool]]) -> None:
    """Some at a time; none is begun after one has answered False. Raises the first error once all have ended."""
    waiting, going = iter(items), [True]

    async def take_turns(waiting: Iterator[T]) -> None:
        for item in waiting:
            if not going[0]:
                return
            going[0] = await work(item) and going[0]

    ended = await asyncio.gather(*(take_turns(waiting) for _ in range(LANES)), return_exceptions=True)
    for error in ended:
        if error is not None:
            raise error


class Pushing:
    """A pass. `clock` tells seconds; `wait` is how long movements wait that found central away, `backoff` others."""

    def __init__(
        self,
        database: Database,
        central: CentralClient,
        clock: Callable[[], float],
        *,
        wait: timedelta,
        backoff: Backoff,
    ) -> None:
        self._database, self._central, self._clock = database, central, clock
        self._wait, self._backoff = wait, backoff
        self.counts = PassCounts()
        self.is_away = False
        self.responses, self.response_seconds = 0, 0.0

    async def run(self, plan: Iterable[Lane]) -> None:
        """Push what the plan names; nothing more once central is away."""
        await side_by_side(plan, self._lane)

    async def _lane(self, lane: Lane) -> bool:
        for _ in range(lane.changes):
            ending = await self._movement(lane.item_id)
            if ending is None:
                break
            self.counts = self.counts.counting(ending)
            self.is_away = self.is_away or ending == "away"
            if self.is_away or not goes_on(ending):
                break
        return not self.is_away

    async def _movement(self, item_id: int) -> Ending | None:
        """The head of the item's queue, over its rebases; None when it cannot be taken."""
        for left in reversed(range(MOST_REBASES)):
            async with self._database.begin() as connection:
                sent = await pushes.claim(connection, item_id)
            if sent is None:
                return None
            ending = await self._send(sent, may_rebase=left > 0)
            if ending is not None:
                return ending
        raise AssertionError("unreachable")

    async def _send(self, sent: Claim, *, may_rebase: bool) -> Ending | None:
        """One request; None when it is to be sent again on another version."""
        began = self._clock()
        try:
            told = await self._central.adjust(Adjustment(sent.sku, sent.delta, sent.version, sent.operation_id))
        except CentralRefused as refusal:
            self._answered(began)
            return await self._refused(sent, refusal, may_rebase)
        except CentralUnavailable as fault:
            self._answered(began)
            return await self._away(sent, "CENTRAL_UNAVAILABLE", unknown=fault.sent or sent.uncertain)
        except CentralDenied:
            self._answered(began)
            # What an earlier attempt came to is as unknown as before.
            return await self._away(sent, "CENTRAL_DENIED", unknown=sent.uncertain)
        self._answered(began)
        return await self._settled("pushed", lambda db: pushes.pushed(db, sent, told))

    async def _refused(self, sent: Claim, refusal: CentralRefused, may_rebase: bool) -> Ending | None:
        if refusal.status == _NOT_FOUND:
            return await self._settled("refused", lambda db: pushes.refused(db, sent, "UNKNOWN_SKU"))
        try:
            central = await self._state(sent, refusal)
        except (CentralRefused, CentralUnavailable, CentralDenied):
            return await self._away(sent, "CENTRAL_UNAVAILABLE", unknown=False)
        if central is None:
            return await self._settled("refused", lambda db: pushes.refused(db, sent, "UNKNOWN_SKU"))
        return await self._resolved(sent, central, refusal.status == _CONFLICT, may_rebase)

    async def _state(self, sent: Claim, refusal: CentralRefused) -> CentralStock | None:
        told = refusal.state
        return told if told is not None and told.quantity is not None else await self._central.read(sent.sku)

    async def _resolved(
        self, sent: Claim, central: CentralStock, version_conflict: bool, may_rebase: bool
    ) -> Ending | None:
        attempt = Attempt(sent.delta, sent.version, sent.strategy, sent.approved)
        resolution = resolve(attempt, central, version_conflict=version_conflict)
        match resolution:
            case "compensate":
                return await self._settled("compensated", lambda db: pushes.compensated(db, sent, central))
            case "ask":
                too_little = central.quantity is not None and central.quantity + sent.delta < 0
                reason: Reason = "CENTRAL_TOO_LITTLE" if too_little else "CENTRAL_MOVED"
                return await self._settled("asked", lambda db: pushes.asked(db, sent, central, reason))
            case "refused":
                return await self._settled("refused", lambda db: pushes.refused(db, sent, "REFUSED"))
            case "rebase" if may_rebase:
                async with self._database.begin() as connection:
                    mine = await pushes.rebased(connection, sent, central)
                return None if mine else "superseded"
            case _:
                wait = self._backoff(sent.attempt)
                return await self._settled(
                    "later", lambda db: pushes.postponed(db, sent, "CENTRAL_MOVES", wait, unknown=False)
                )

    async def _away(self, sent: Claim, reason: Reason, *, unknown: bool) -> Ending:
        async with self._database.begin() as connection:
            await pushes.postponed(connection, sent, reason, self._wait, unknown=unknown)
        return "away"

    async def _settled(self, ending: Ending, settle: Callable[..., Awaitable[bool]]) -> Ending:
        """The ending, if it was ours to settle."""
        async with self._database.begin() as connection:
            return ending if await settle(connection) else "superseded"

    def _answered(self, began: float) -> None:
        self.responses += 1
        self.response_seconds += self._clock() - began
        self.counts = self.counts.attempted()
