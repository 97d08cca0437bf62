"""How anybody outside wakes an account's workflow: signal-with-start, so that it lives only while there is work.

The signal carries nothing: what is pending is in the database, so a poke may be repeated, merged or lost.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

from temporalio.client import Client
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes

from workflows.cards.contracts import (
    ACCOUNT_WORKFLOW,
    CHANGES_PENDING,
    EVENTS_PENDING,
    AccountState,
    account_id,
)
from workflows.search_attributes import CONTEXT, USER_ID
from workflows.task_queues import HIGH_PRIORITY

Matter = Literal["events", "changes"]
_SIGNALS: dict[Matter, str] = {"events": EVENTS_PENDING, "changes": CHANGES_PENDING}


async def poke_account(client: Client, user_id: UUID, matter: Matter = "events", *, timeout: timedelta) -> None:
    """Tell the account's workflow what is pending; needs no worker. Raises RPC errors, or `RuntimeError`."""
    await client.start_workflow(
        ACCOUNT_WORKFLOW,
        AccountState(user_id=user_id, events_pending=matter == "events", changes_pending=matter == "changes"),
        id=account_id(user_id),
        task_queue=HIGH_PRIORITY,
        start_signal=_SIGNALS[matter],
        static_summary="Account events and changes",
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(USER_ID, str(user_id)), SearchAttributePair(CONTEXT, "cards")]
        ),
        priority=Priority(fairness_key=str(user_id)),
        rpc_timeout=timeout,
    )
