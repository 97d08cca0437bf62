"""Names of the work that log lines are part of, carried from a request through workflows into activities.

Beside ids and counts nothing travels through Temporal but the request's `trace_id`, in a header of its own. A header is
no part of a workflow's commands: a history replays with and without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn
from uuid import UUID

import structlog
from opentelemetry import trace
from temporalio import activity, client, worker, workflow
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadConverter

HEADER: Final = "trace-id"
Headers = Mapping[str, Payload]


def current_trace_id() -> str | None:
    """Of the span that is open, in hexadecimal; None when nothing is traced."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None


class CorrelatingInterceptor(client.Interceptor, worker.Interceptor):
    """For the Temporal clients of the API and of workers; workers take it over from their client."""

    def intercept_client(self, next: client.OutboundInterceptor) -> client.OutboundInterceptor:
        """As the SDK asks for it."""
        return _Sender(next)

    def intercept_activity(self, next: worker.ActivityInboundInterceptor) -> worker.ActivityInboundInterceptor:
        """As the SDK asks for it."""
        return _Activity(next)

    def workflow_interceptor_class(
        self,
        input: worker.WorkflowInterceptorClassInput,  # noqa: ARG002 - the SDK's name
    ) -> type[worker.WorkflowInboundInterceptor]:
        """As the SDK asks for it."""
        return _Workflow


class _Sender(client.OutboundInterceptor):
    async def start_workflow(self, input: client.StartWorkflowInput) -> client.WorkflowHandle[Any, Any]:
        input.headers = _marked(input.headers)
        return await super().start_workflow(input)

    async def signal_workflow(self, input: client.SignalWorkflowInput) -> None:
        input.headers = _marked(input.headers)
        await super().signal_workflow(input)

    async def start_workflow_update(self, input: client.StartWorkflowUpdateInput) -> client.WorkflowUpdateHandle[Any]:
        input.headers = _marked(input.headers)
        return await super().start_workflow_update(input)


class _Workflow(worker.WorkflowInboundInterceptor):
    """Keeps the header of what last told the workflow something, and gives it to all it starts."""

    def __init__(self, next: worker.WorkflowInboundInterceptor) -> None:
        super().__init__(next)
        self._told: Payload | None = None

    def init(self, outbound: worker.WorkflowOutboundInterceptor) -> None:
        super().init(_Carrier(outbound, self))

    async def handle_signal(self, input: worker.HandleSignalInput) -> None:
        self._told = input.headers.get(HEADER, self._told)
        await super().handle_signal(input)

    async def handle_update_handler(self, input: worker.HandleUpdateInput) -> Any:
        self._told = input.headers.get(HEADER, self._told)
        return await super().handle_update_handler(input)

    def with_carried(self, headers: Headers) -> Headers:
        """The headers, and ours."""
        carried = self._told or workflow.info().headers.get(HEADER)
        return headers if carried is None else {**headers, HEADER: carried}


class _Carrier(worker.WorkflowOutboundInterceptor):
    def __init__(self, next: worker.WorkflowOutboundInterceptor, inbound: _Workflow) -> None:
        super().__init__(next)
        self._inbound = inbound

    def start_activity(self, input: worker.StartActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = self._inbound.with_carried(input.headers)
        return super().start_activity(input)

    def start_local_activity(self, input: worker.StartLocalActivityInput) -> workflow.ActivityHandle[Any]:
        input.headers = self._inbound.with_carried(input.headers)
        return super().start_local_activity(input)

    async def start_child_workflow(
        self, input: worker.StartChildWorkflowInput
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        input.headers = self._inbound.with_carried(input.headers)
        return await super().start_child_workflow(input)

    def continue_as_new(self, input: worker.ContinueAsNewInput) -> NoReturn:
        input.headers = self._inbound.with_carried(input.headers)
        super().continue_as_new(input)


class _Activity(worker.ActivityInboundInterceptor):
    async def execute_activity(self, input: worker.ExecuteActivityInput) -> Any:
        with structlog.contextvars.bound_contextvars(**_names(input)):
            return await super().execute_activity(input)


def _names(input: worker.ExecuteActivityInput) -> dict[str, str]:
    info = activity.info()
    names = {"workflow_id": info.workflow_id or "", "activity": info.activity_type}
    carried = input.headers.get(HEADER)
    trace_id = current_trace_id() if carried is None else PayloadConverter.default.from_payload(carried, str)
    if trace_id:
        names["trace_id"] = trace_id
    user_id = getattr(input.args[0], "user_id", None) if input.args else None
    if isinstance(user_id, UUID):
        names["user_id"] = str(user_id)
    return names


def _marked(headers: Headers) -> Headers:
    trace_id = structlog.contextvars.get_contextvars().get("trace_id")
    return {**headers, HEADER: PayloadConverter.default.to_payload(trace_id)} if isinstance(trace_id, str) else headers
