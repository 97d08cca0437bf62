"""Activities that are scripted by activity id, and counted; the base of fakes that workflow tests are served by.

Imported by tests that run workflows, so it imports no database code: the sandbox would load the driver's C
extension a second time and crash.
"""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import activity


def error(name: str) -> Exception:
    """An exception of a class of that name: the name is the type on the wire."""
    raised: Exception = type(name, (Exception,), {})("what happened")
    return raised


class Scripted:
    """What a test may ask of any activity: to fail, to wait, how often it ran, and with what."""

    def __init__(self) -> None:
        self.started: list[tuple[str, int]] = []
        self.requests: dict[str, list[Any]] = {}
        self.attempt_times: dict[str, list[float]] = {}
        self._failures: dict[str, list[Exception]] = {}
        self._forever: dict[str, Exception] = {}
        self._gates: dict[str, asyncio.Event] = {}

    def fail(self, activity_id: str, *errors: Exception) -> None:
        """Raise these, one per attempt, then succeed."""
        self._failures[activity_id] = list(errors)

    def fail_always(self, activity_id: str, raised: Exception) -> None:
        """Raise at every attempt."""
        self._forever[activity_id] = raised

    def hold(self, activity_id: str) -> asyncio.Event:
        """Let it wait until the event is set."""
        return self._gates.setdefault(activity_id, asyncio.Event())

    def attempts(self, activity_id: str) -> int:
        """How often it was started."""
        return sum(started == activity_id for started, _ in self.started)

    @property
    def ids(self) -> set[str]:
        """Every activity that was started."""
        return {started for started, _ in self.started}

    async def step(self, request: Any) -> None:
        """To be called first by every activity."""
        info = activity.info()
        self.started.append((info.activity_id, info.attempt))
        self.requests.setdefault(info.activity_id, []).append(request)
        self.attempt_times.setdefault(info.activity_id, []).append(asyncio.get_running_loop().time())
        if gate := self._gates.get(info.activity_id):
            await gate.wait()
        if failures := self._failures.get(info.activity_id):
            raise failures.pop(0)
        if raised := self._forever.get(info.activity_id):
            raise raised
