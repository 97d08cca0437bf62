"""How the workflows of the context are started; every id is a single flight, and a start may be repeated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority, SearchAttributePair, TypedSearchAttributes, WorkflowIDConflictPolicy

from workflows.marketplace.contracts import (
    CALLBACK_DELIVERY_WORKFLOW,
    CALLBACK_REPLAY_WORKFLOW,
    ORDER_IMPORT_WORKFLOW,
    STORE_ORDERS_WORKFLOW,
    CallbackRef,
    ReceiptOutcome,
    ReceiptRef,
    ReplayRef,
    StoreOrdersState,
    callback_id,
    callback_replay_id,
    fairness_of,
    order_import_id,
    store_orders_id,
)
from workflows.search_attributes import CONTEXT, STORE_ID
from workflows.task_queues import HIGH_PRIORITY


async def start_order_import(
    client: Client, ref: ReceiptRef, receipt: str, *, timeout: timedelta
) -> WorkflowHandle[Any, ReceiptOutcome]:
    """Start, or join the one that runs; needs no worker. Raises RPC errors, or `RuntimeError`."""
    handle: WorkflowHandle[Any, ReceiptOutcome] = await client.start_workflow(
        ORDER_IMPORT_WORKFLOW,
        ref,
        id=order_import_id(ref.store_id, receipt),
        task_queue=HIGH_PRIORITY,
        result_type=ReceiptOutcome,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Import of a receipt",
        search_attributes=_attributes(ref.store_id),
        priority=Priority(priority_key=1, fairness_key=str(ref.store_id)),
        rpc_timeout=timeout,
    )
    return handle


async def start_store_orders(client: Client, store_id: UUID, *, timeout: timedelta) -> None:
    """Start, unless it runs. Raises RPC errors."""
    await client.start_workflow(
        STORE_ORDERS_WORKFLOW,
        StoreOrdersState(store_id=store_id),
        id=store_orders_id(store_id),
        task_queue=HIGH_PRIORITY,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Due receipts of a store",
        search_attributes=_attributes(store_id),
        priority=Priority(fairness_key=str(store_id)),
        rpc_timeout=timeout,
    )


async def start_callback(client: Client, event_id: UUID, organization_id: str, *, timeout: timedelta) -> None:
    """Start, unless it runs. Raises RPC errors, or `RuntimeError`."""
    fairness = fairness_of(organization_id)
    await client.start_workflow(
        CALLBACK_DELIVERY_WORKFLOW,
        CallbackRef(event_id=event_id, fairness=fairness),
        id=callback_id(event_id),
        task_queue=HIGH_PRIORITY,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Call-backs of an event",
        search_attributes=_attributes(),
        priority=Priority(fairness_key=fairness),
        rpc_timeout=timeout,
    )


async def start_replay(client: Client, replay_id: UUID, organization_id: str, *, timeout: timedelta) -> None:
    """Start, unless it runs. Raises RPC errors, or `RuntimeError`."""
    fairness = fairness_of(organization_id)
    await client.start_workflow(
        CALLBACK_REPLAY_WORKFLOW,
        ReplayRef(replay_id=replay_id, fairness=fairness),
        id=callback_replay_id(replay_id),
        task_queue=HIGH_PRIORITY,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="Replay of call-backs",
        search_attributes=_attributes(),
        priority=Priority(fairness_key=fairness),
        rpc_timeout=timeout,
    )


def _attributes(store_id: UUID | None = None) -> TypedSearchAttributes:
    pairs: list[SearchAttributePair[Any]] = [SearchAttributePair(CONTEXT, "marketplace")]
    if store_id is not None:
        pairs.append(SearchAttributePair(STORE_ID, str(store_id)))
    return TypedSearchAttributes(pairs)
