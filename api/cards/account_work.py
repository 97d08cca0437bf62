"""The account workflow as Temporal sees it: whether anything is done for a seller at this moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.temporal import CALL, temporal_faults
from workflows.cards.contracts import account_id

_POLL_SECONDS: Final = 0.2

Check = Callable[[], Awaitable[bool]]


class AccountWork:
    """Every method raises `TemporalUnavailable` within seconds when the server does not answer."""

    def __init__(
        self, client: Client, *, polls: int = 50, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._client, self._polls, self._sleep = client, polls, sleep

    async def is_quiet(self, user_id: UUID) -> bool:
        """Whether no activity of the account runs and no decision about one is due; an idle workflow is quiet."""
        try:
            with temporal_faults():
                description = await self._client.get_workflow_handle(account_id(user_id)).describe(rpc_timeout=CALL)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                return True
            raise
        return _is_quiet(description)

    async def until(self, check: Check) -> bool:
        """Wait, about ten seconds at most, until the check holds; False when it does not."""
        for _ in range(self._polls):
            if await check():
                return True
            await self._sleep(_POLL_SECONDS)
        return False


def _is_quiet(description: WorkflowExecutionDescription) -> bool:
    if description.status != WorkflowExecutionStatus.RUNNING:
        return True
    raw = description.raw_description
    return not raw.pending_activities and not raw.HasField("pending_workflow_task")
