"""The activities of the `marketplace` context, as its workflows call them."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import policies
    from workflows.marketplace.contracts import (
        BatchDone,
        CallbackRef,
        DeliveryRound,
        OrderBatch,
        OrderSweep,
        ReceiptOutcome,
        ReceiptRef,
        ReplayPage,
        ReplayRef,
        StoreOrdersEnd,
        SweepStarted,
    )
    from workflows.steps import Step
    from workflows.task_queues import DEFAULT, HIGH_PRIORITY

IMPORT_RECEIPT = Step("import_receipt", ReceiptRef, ReceiptOutcome, policies.IMPORT_RECEIPT, HIGH_PRIORITY)
IMPORT_BATCH = Step("import_batch", OrderBatch, BatchDone, policies.IMPORT_BATCH, DEFAULT)
END_STORE_ORDERS = Step("end_store_orders", StoreOrdersEnd, type(None), policies.DATABASE, DEFAULT)
SWEEP_STORES = Step("sweep_stores", OrderSweep, SweepStarted, policies.SWEEP_STORES, DEFAULT)
DELIVER_EVENT = Step("deliver_event", CallbackRef, DeliveryRound, policies.DELIVER, DEFAULT)
REPLAY_PAGE = Step("replay_page", ReplayRef, ReplayPage, policies.REPLAY, DEFAULT)
STOP_REPLAY = Step("stop_replay", ReplayRef, type(None), policies.DATABASE, DEFAULT)
