"""A stand-in for Temporal: runs the real workflow code and the real activities inside one `Schedule`.

Workflow code is durable, so it never dies; each attempt of an activity is a process that may. Retries follow the
policies that the workflows name, at once; an answer arrives exactly once, as Temporal's history guarantees. What is
cancelled stops waiting, and the attempt that runs goes on: no worker is told in time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field, replace
from typing import Any, Final

from temporalio import activity
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, RetryState
from temporalio.testing import ActivityEnvironment

from activities.support import Activities
from tests.chaos.interleavings.schedule import PROCESS, Died, Schedule, pause
from workflows.task_queues import TaskQueue

# Far beyond what the weather of a seed can cause.
_MOST_ATTEMPTS: Final = 60
# They wait some seconds before they judge a lost answer: longer than a webhook takes.
_AFTER_NEWS: Final = ("settle_changes", "take_copies")


class ContinueAsNew(BaseException):
    """A run ends, and the next one starts with this."""

    def __init__(self, start: object) -> None:
        self.start = start


@dataclass(eq=False)
class Run:
    """A workflow, over all runs of its chain."""

    id: str
    engine: StandIn
    start: Any = None
    instance: Any = None
    early_signals: list[str] = field(default_factory=list)
    task: asyncio.Task[Any] | None = None
    error: BaseException | None = None
    result: Any = None
    cancelled: bool = False
    working: int = 0


RUN: Final[ContextVar[Run]] = ContextVar("run")


@dataclass(frozen=True)
class Finished:
    """An activity that was completed, to be repeated at rest (law L4)."""

    name: str
    request: Any


@dataclass(eq=False)
class StandIn:
    """Workflows by id. `in_flight` holds whatever may still merge what it read."""

    schedule: Schedule
    activities: Mapping[str, Callable[..., Any]]
    runs: dict[str, Run] = field(default_factory=dict)
    finished: list[Finished] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    in_flight: set[object] = field(default_factory=set)
    news_is_in: Callable[[], bool] = lambda: True
    attempts: int = 0
    _abandoned: set[ActivityEnvironment] = field(default_factory=set)

    def start(self, workflow_class: type[Any], start: object, id: str) -> Run | None:
        """Start it; None when one of that id is running."""
        if id in self.runs:
            return None
        run = self.runs[id] = Run(id, self, start)
        self.in_flight.add(run)
        # Whoever starts it may die; the workflow does not.
        context = copy_context()
        context.run(PROCESS.set, None)
        run.task = asyncio.get_running_loop().create_task(self._chain(run, workflow_class, start), context=context)
        return run

    def signal_with_start(self, workflow_class: type[Any], start: object, id: str, signal: str) -> None:
        """Tell a running one, or start it."""
        run = self.runs.get(id) or self.start(workflow_class, start, id)
        if run is not None and run.instance is not None:
            getattr(run.instance, signal)()
        elif run is not None:
            run.early_signals.append(signal)

    def working(self, id: str) -> bool:
        """Whether it waits for an activity, or has yet to begin."""
        run = self.runs.get(id)
        return run is not None and (run.instance is None or run.working > 0)

    def cancel(self, id: str) -> None:
        """Ask a running one to stop."""
        run = self.runs.get(id)
        if run is not None and run.task is not None:
            run.cancelled = True
            run.task.cancel()

    async def _chain(self, run: Run, workflow_class: type[Any], start: object) -> None:
        RUN.set(run)
        try:
            while True:
                run.instance = workflow_class(start) if _takes_start(workflow_class) else workflow_class()
                while run.early_signals:
                    getattr(run.instance, run.early_signals.pop())()
                try:
                    run.result = await run.instance.run(start)
                    return
                except ContinueAsNew as again:
                    start = again.start
        except (Exception, asyncio.CancelledError) as error:
            run.error = error
            if not run.cancelled:
                self.failed.append(f"{run.id}: {error!r}")
        finally:
            del self.runs[run.id]
            self.in_flight.discard(run)

    async def execute(self, name: str, request: Any, *, id: str, retry: RetryPolicy) -> Any:
        """Attempt after attempt, until one succeeds. Raises `ActivityError`."""
        environment = ActivityEnvironment()
        beats: list[Any] = []
        environment.on_heartbeat = lambda *details: beats.__setitem__(slice(None), details)
        invocation, run = object(), RUN.get()
        self.in_flight.add(invocation)
        run.working += 1
        attempts = self._attempts(environment, name, request, id=id, retry=retry, beats=beats)
        running = asyncio.create_task(attempts)
        running.add_done_callback(lambda _: self.in_flight.discard(invocation))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._abandoned.add(environment)
            running.add_done_callback(lambda left: left.cancelled() or left.exception())
            raise _activity_error(name, id) from CancelledError("cancelled")
        finally:
            run.working -= 1

    async def _attempts(
        self,
        environment: ActivityEnvironment,
        name: str,
        request: Any,
        *,
        id: str,
        retry: RetryPolicy,
        beats: list[Any],
    ) -> Any:
        final = set(retry.non_retryable_error_types or ())
        for attempt in range(1, min(retry.maximum_attempts or _MOST_ATTEMPTS, _MOST_ATTEMPTS) + 1):
            environment.info = replace(environment.info, activity_id=id, attempt=attempt, heartbeat_details=list(beats))
            if name in _AFTER_NEWS and (attempt > 1 or id != "try"):
                await self.schedule.until(self.news_is_in)
            try:
                return await self._attempt(environment, name, request, f"{RUN.get().id} {id}#{attempt}")
            except Died:
                failure = ApplicationError("the worker died", type="TimeoutError")
            except Exception as error:
                failure = _failure(error)
            if failure.non_retryable or failure.type in final or environment in self._abandoned:
                raise _activity_error(name, id) from failure
        raise _activity_error(name, id) from ApplicationError("budget spent", type="TimeoutError")

    async def _attempt(self, environment: ActivityEnvironment, name: str, request: Any, process: str) -> Any:
        self.attempts += 1

        async def work() -> Any:
            await pause("start")
            arguments = () if request is None else (request,)
            answer = await environment.run(self.activities[name], *arguments)
            # Done, but Temporal may never hear of it.
            await pause("done")
            return answer

        answer = await self.schedule.process(process, work)
        self.finished.append(Finished(name, request))
        return answer


def by_name(queues: Mapping[TaskQueue, Activities]) -> dict[str, Callable[..., Any]]:
    """The activities of all queues by their names."""
    found = {}
    for implementation in (one for queue in queues.values() for one in queue):
        definition = activity._Definition.must_from_callable(implementation)  # the SDK has no public look-up
        found[definition.name or ""] = implementation
    return found


def _takes_start(workflow_class: type[Any]) -> bool:
    return workflow_class.__init__ is not object.__init__


def _failure(error: Exception) -> ApplicationError:
    """As the wire has it: a plain exception's type is its class name."""
    if isinstance(error, ApplicationError):
        return error
    return ApplicationError(str(error), type=type(error).__name__)


def _activity_error(name: str, id: str) -> ActivityError:
    return ActivityError(
        f"{name} failed",
        scheduled_event_id=0,
        started_event_id=0,
        identity="",
        activity_type=name,
        activity_id=id,
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )
