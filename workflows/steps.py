"""An activity as workflows see it: its name, its messages, its policy and its queue, apart from any code.

A `Step` is how every workflow calls every activity, so that no call lacks a timeout, a stable id or a summary.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from workflows.policies import ActivityPolicy
from workflows.task_queues import TaskQueue

Request = TypeVar("Request")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Step(Generic[Request, Answer]):
    """One activity; `fairness_key` keeps a large seller from starving the others."""

    name: str
    request: type[Request]
    answer: type[Answer]
    policy: ActivityPolicy
    queue: TaskQueue

    async def run(self, request: Request, *, id: str, summary: str, fairness_key: str) -> Answer:
        """Execute it; `id` and `summary` are what an operator sees and types. Raises `ActivityError`."""
        answer: Answer = await workflow.execute_activity(
            self.name,
            request,
            result_type=self.answer,
            task_queue=self.queue,
            activity_id=id,
            summary=summary,
            start_to_close_timeout=self.policy.start_to_close,
            schedule_to_close_timeout=self.policy.schedule_to_close,
            heartbeat_timeout=self.policy.heartbeat,
            retry_policy=self.policy.retry,
            priority=Priority(fairness_key=fairness_key),
        )
        return answer

    async def try_here(self, request: Request, *, id: str, summary: str, seconds: float) -> Answer:
        """One attempt inside the workflow task, for what is usually done in milliseconds. Raises `FailureError`.

        It costs the server half of `run` and is answered sooner; but it has no heartbeat, and the task waits for it.
        """
        answer: Answer = await workflow.execute_local_activity(
            self.name,
            request,
            result_type=self.answer,
            activity_id=id,
            summary=summary,
            start_to_close_timeout=timedelta(seconds=seconds),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )
        return answer


def wire_type(error: BaseException) -> str:
    """The type name of what failed an activity: the class of the exception it raised, or of the timeout.

    At most 100 characters, whatever came over the wire: a message that refuses it would stop the workflow.
    """
    cause = error.cause if isinstance(error, ActivityError) else error
    name = (cause.type or "ApplicationError") if isinstance(cause, ApplicationError) else type(cause).__name__
    return name[:100]
