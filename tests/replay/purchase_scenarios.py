"""Purchases whose histories are committed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from temporalio.client import Client, WorkflowHandle

from tests.helpers.fake_cards import OPERATION
from tests.helpers.fake_till import FakeTill, serving, start
from tests.helpers.scripted import error

Handle = WorkflowHandle[Any, Any]


async def purchase_at_once(client: Client) -> list[Handle]:
    """Decided within the workflow task."""
    return await _decided(client, FakeTill())


async def purchase_retried(client: Client) -> list[Handle]:
    """Not decided within the workflow task, nor by the first attempt after it."""
    return await _decided(client, FakeTill(error("Unavailable"), error("OutcomeUnknown")))


async def _decided(client: Client, till: FakeTill) -> list[Handle]:
    async with serving(client, till):
        handle = await start(client, str(uuid4()), OPERATION)
        await handle.result()
        return [handle]
