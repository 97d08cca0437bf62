"""One thing at a time: whoever reaches a pause point waits there, and the seed decides who goes on.

A process is what can die alone: one attempt of an activity, one request to our API. It pauses before and after every
remote request, before every statement, and around every commit. Between two pauses exactly one process moves, so a
seed is one interleaving; only locks of PostgreSQL let a second one move, when their holder commits.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

T = TypeVar("T")

_PATIENCE: Final = 0.004
_STUCK_SECONDS: Final = 20.0
_NEWEST: Final = 60


class Died(Exception):
    """The process was killed at a pause point: what it had not committed is gone."""


class StuckError(Exception):
    """Nobody can go on."""


@dataclass(eq=False)
class Process:
    """What dies as one. `weight` is how eagerly it is chosen; an immortal one is never killed."""

    name: str
    schedule: Schedule
    mortal: bool = True
    weight: float = 1.0
    number: int = 0
    dead: bool = False
    task: asyncio.Task[Any] | None = None


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)


@dataclass(eq=False)
class _Parked:
    process: Process
    label: str
    resumed: asyncio.Future[None]


@dataclass(eq=False)
class _Waiting:
    condition: Callable[[], bool]
    may_time_out: bool
    over: asyncio.Future[bool]


@dataclass(frozen=True)
class Pace:
    """How a seed chooses: `sticky` is the chance that the same process goes on, `deaths` how many may be killed."""

    sticky: float = 0.3
    deaths: int = 0
    death: float = 0.03
    weights: tuple[float, ...] = (1.0,)


@dataclass(eq=False)
class Schedule:
    """The scheduler of one seed. `locked` answers how many of our statements wait for a lock."""

    rng: random.Random
    pace: Pace
    locked: Callable[[], Awaitable[int]]
    trace: list[str] = field(default_factory=list)
    steps: int = 0
    deaths: int = 0
    _parked: list[_Parked] = field(default_factory=list)
    _waiting: list[_Waiting] = field(default_factory=list)
    _busy: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _last: Process | None = None
    _live: int = 0
    _begun: int = 0

    async def run(self, after_step: Callable[[], Awaitable[None]]) -> None:
        """Let everybody go on, one step after the other, until nobody is left."""
        while await self._step():
            self.steps += 1
            await after_step()

    async def process(self, name: str, work: Callable[[], Coroutine[Any, Any, T]], *, mortal: bool = True) -> T:
        """Do `work` as a process of its own. Raises `Died`, or what the work raises."""
        self._begun += 1
        process = Process(name, self, mortal, self.rng.choice(self.pace.weights), self._begun)
        context = copy_context()
        context.run(PROCESS.set, process)
        task = asyncio.get_running_loop().create_task(work(), context=context)
        process.task = task
        self._live += 1
        try:
            return await task
        except asyncio.CancelledError:
            if process.dead:
                raise Died(name) from None
            raise
        finally:
            self._live -= 1

    async def park(self, process: Process, label: str) -> None:
        """Wait until chosen."""
        if process.dead:
            # What is cleaned up on the way out of a killed process would not have happened.
            raise asyncio.CancelledError
        parked = _Parked(process, label, asyncio.get_running_loop().create_future())
        self._parked.append(parked)
        try:
            await parked.resumed
        finally:
            if parked in self._parked:
                self._parked.remove(parked)

    async def until(self, condition: Callable[[], bool], *, may_time_out: bool = False) -> bool:
        """Wait for a condition; False when the time ran out first, which happens whenever the seed likes."""
        waiting = _Waiting(condition, may_time_out, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            return await waiting.over
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Marks work outside this event loop: a statement on its way."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    async def settle(self) -> None:
        """Wait until nothing moves: everybody is parked, at an end, or waits for somebody's lock."""
        while True:
            if self._busy:
                await self._until_idle()
                if self._busy and await self.locked() >= self._busy and not _others_are_ready():
                    return
            elif _others_are_ready():
                await asyncio.sleep(0)
            else:
                return

    async def _until_idle(self) -> None:
        """For a few milliseconds at most."""
        self._idle.clear()
        patience = asyncio.get_running_loop().call_later(_PATIENCE, self._idle.set)
        await self._idle.wait()
        patience.cancel()

    async def _step(self) -> bool:
        await self.settle()
        if self._wake():
            return True
        if not self._parked:
            return self._time_out() or await self._outwait()
        # An idle workflow may end at any time, or wait for as long as there is other work.
        if self.rng.random() < 0.03 and self._time_out():
            return True
        self._go_on(self._choose())
        return True

    def _choose(self) -> _Parked:
        # Two that a commit let go on arrive in any order; the choice must not depend on it.
        self._parked.sort(key=lambda parked: (parked.process.number, parked.label))
        if self._last and self.rng.random() < self.pace.sticky:
            for parked in self._parked:
                if parked.process is self._last:
                    return parked
        weights = [parked.process.weight for parked in self._parked]
        return self.rng.choices(self._parked, weights)[0]

    def _go_on(self, chosen: _Parked) -> None:
        process = self._last = chosen.process
        may_die = process.mortal and self.deaths < self.pace.deaths
        if may_die and self.rng.random() < self.pace.death:
            self.deaths += 1
            self.trace.append(f"{process.name} DIES at {chosen.label}")
            process.dead = True
            if process.task:
                process.task.cancel()
            return
        self.trace.append(f"{process.name}: {chosen.label}")
        self._parked.remove(chosen)
        chosen.resumed.set_result(None)

    def _wake(self) -> bool:
        ready = [waiting for waiting in self._waiting if waiting.condition()]
        for waiting in ready:
            self._waiting.remove(waiting)
            waiting.over.set_result(True)
        return bool(ready)

    def _time_out(self) -> bool:
        for waiting in self._waiting:
            if waiting.may_time_out:
                self._waiting.remove(waiting)
                waiting.over.set_result(False)
                return True
        return False

    async def _outwait(self) -> bool:
        """Nobody is parked: all is over, or somebody sleeps, or PostgreSQL has yet to break a deadlock."""
        if not self._live and not self._waiting:
            return False
        if not self._live:
            raise StuckError("everybody waits for somebody else")
        deadline = asyncio.get_running_loop().time() + _STUCK_SECONDS
        while not self._parked and self._live:
            await asyncio.sleep(_PATIENCE)
            if asyncio.get_running_loop().time() > deadline:
                raise StuckError(f"{self._live} processes neither pause nor end")
        return True


def _others_are_ready() -> bool:
    """Whether the loop has anything else to call now; asyncio has no public way to ask."""
    return bool(getattr(asyncio.get_running_loop(), "_ready"))  # noqa: B009 - the attribute is private


async def pause(label: str) -> None:
    """A point where anything else may come first. Costs nothing outside of a process."""
    process = PROCESS.get()
    if process is not None:
        await process.schedule.park(process, label)


@contextmanager
def moving() -> Iterator[None]:
    """Around an await that leaves the event loop."""
    process = PROCESS.get()
    if process is None:
        yield
        return
    with process.schedule.busy():
        yield
