"""The activities of the `cards` context, as its workflows call them."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import policies
    from workflows.cards.contracts import (
        AbortSync,
        AccountRef,
        ApplyChunk,
        BlueprintAborted,
        ChangeBatch,
        ChangeStep,
        ChunkLost,
        Counters,
        EventBatch,
        FinishSync,
        FoundOrders,
        Manifest,
        OperationRef,
        Progressed,
        PurchaseOutcome,
        PurchaseRef,
        ReconcileBlueprint,
        Reread,
        Settled,
        StageExport,
        SuspendAccount,
        SweepPage,
        SweepPeriod,
        SweepPlan,
        SweptPage,
        SyncPlan,
        SyncResult,
    )
    from workflows.steps import Step
    from workflows.task_queues import BULK_SYNC, DEFAULT, HIGH_PRIORITY

BEGIN_SYNC = Step("begin_sync", OperationRef, SyncPlan, policies.DATABASE, DEFAULT)
STAGE_EXPORT = Step("stage_export", StageExport, Manifest, policies.STAGE_EXPORT, BULK_SYNC)
APPLY_CHUNK = Step("apply_chunk", ApplyChunk, Counters, policies.APPLY_CHUNK, BULK_SYNC)
LOSE_CHUNK = Step("lose_chunk", ChunkLost, Counters, policies.DATABASE, DEFAULT)
REREAD_CONTESTED = Step("reread_contested", OperationRef, Reread, policies.REREAD, BULK_SYNC)
FINISH_SYNC = Step("finish_sync", FinishSync, SyncResult, policies.FINISH, DEFAULT)
ABORT_SYNC = Step("abort_sync", AbortSync, type(None), policies.FINISH, DEFAULT)

FIND_ORDERS = Step("find_orders", OperationRef, FoundOrders, policies.FIND_ORDERS, DEFAULT)
PLAN_SWEEP = Step("plan_sweep", SweepPeriod, SweepPlan, policies.DATABASE, DEFAULT)
SWEEP_PAGE = Step("sweep_page", SweepPage, SweptPage, policies.FINISH, DEFAULT)
RECONCILE_BLUEPRINT = Step("reconcile_blueprint", ReconcileBlueprint, type(None), policies.REREAD, HIGH_PRIORITY)
ABORT_BLUEPRINT = Step("abort_blueprint", BlueprintAborted, type(None), policies.FINISH, DEFAULT)

TAKE_EVENTS = Step("take_events", AccountRef, EventBatch, policies.DATABASE, HIGH_PRIORITY)
REREAD_EVENTS = Step("reread_events", EventBatch, Reread, policies.REREAD, HIGH_PRIORITY)
SETTLE_EVENTS = Step("settle_events", EventBatch, Settled, policies.DATABASE, HIGH_PRIORITY)
SUSPEND_ACCOUNT = Step("suspend_account", SuspendAccount, type(None), policies.DATABASE, HIGH_PRIORITY)
TAKE_CHANGES = Step("take_changes", AccountRef, ChangeStep, policies.DATABASE, HIGH_PRIORITY)
SEND_CHANGES = Step("send_changes", ChangeBatch, Progressed, policies.SEND, HIGH_PRIORITY)
FOLLOW_JOB = Step("follow_job", ChangeBatch, Progressed, policies.SEND, HIGH_PRIORITY)
SETTLE_CHANGES = Step("settle_changes", ChangeBatch, Progressed, policies.REREAD, HIGH_PRIORITY)
VERIFY_CHANGES = Step("verify_changes", ChangeBatch, Progressed, policies.REREAD, HIGH_PRIORITY)
REREAD_UNCERTAIN = Step("reread_uncertain", AccountRef, Reread, policies.REREAD, HIGH_PRIORITY)

TAKE_COPIES = Step("take_copies", PurchaseRef, PurchaseOutcome, policies.PURCHASE, HIGH_PRIORITY)
