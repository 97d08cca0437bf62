"""How anybody outside wakes a shop's workflow: signal-with-start, so that it lives only while there is work."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes

from workflows.search_attributes import CONTEXT, STORE_ID
from workflows.store.contracts import CHANGES_PENDING, STORE_PUSH_WORKFLOW, StorePushState, store_push_id
from workflows.task_queues import HIGH_PRIORITY


async def poke_store(client: Client, store_id: str, *, timeout: timedelta) -> None:
    """Tell the shop's workflow that something is pending; needs no worker. Raises RPC errors, or `RuntimeError`."""
    await client.start_workflow(
        STORE_PUSH_WORKFLOW,
        StorePushState(store_id=store_id),
        id=store_push_id(store_id),
        task_queue=HIGH_PRIORITY,
        start_signal=CHANGES_PENDING,
        static_summary="Movements of a shop, to central and back",
        search_attributes=TypedSearchAttributes(
            [SearchAttributePair(STORE_ID, store_id), SearchAttributePair(CONTEXT, "store")]
        ),
        priority=Priority(fairness_key=store_id),
        rpc_timeout=timeout,
    )
