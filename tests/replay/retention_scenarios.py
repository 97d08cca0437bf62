"""The turns of the retention whose histories are committed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from tests.helpers.fake_retention import FakeRetention, forgetting
from tests.helpers.scripted import error

Handle = WorkflowHandle[Any, Any]


async def retention(client: Client) -> list[Handle]:
    """Both contexts forget, one of them at the second try."""
    fake = FakeRetention()
    fake.fail("bridge", error("DatabaseUnavailable"))
    return await _turn(client, fake)


async def retention_failed(client: Client) -> list[Handle]:
    """One context cannot forget; the other has."""
    fake = FakeRetention()
    fake.fail_always("bridge", ApplicationError("it cannot", type="Broken", non_retryable=True))
    return await _turn(client, fake)


async def _turn(client: Client, fake: FakeRetention) -> list[Handle]:
    async with forgetting(client, fake):
        handle = await fake.begin(client)
        with suppress(WorkflowFailureError):
            await handle.result()
        return [handle]
