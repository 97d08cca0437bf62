"""The activities of the `cards` context, as its workflows call them."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import policies
    from workflows.cards.contracts import (
        AbortSync,
        AccountRef,
        ApplyChunk,
        ChunkLost,
        Counters,
        EventBatch,
        FinishSync,
        Manifest,
        OperationRef,
        Reread,
        Settled,
        StageExport,
        SuspendAccount,
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

TAKE_EVENTS = Step("take_events", AccountRef, EventBatch, policies.DATABASE, HIGH_PRIORITY)
REREAD_EVENTS = Step("reread_events", EventBatch, Reread, policies.REREAD, HIGH_PRIORITY)
SETTLE_EVENTS = Step("settle_events", EventBatch, Settled, policies.DATABASE, HIGH_PRIORITY)
SUSPEND_ACCOUNT = Step("suspend_account", SuspendAccount, type(None), policies.DATABASE, HIGH_PRIORITY)
