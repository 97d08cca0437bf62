"""The activities of the `bridge` context, as its workflows call them."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows import policies
    from workflows.bridge.contracts import (
        Abort,
        BatchPlan,
        BatchRef,
        ChildrenBatches,
        Ended,
        EntityBatch,
        EntityBatchStarted,
        Fetched,
        NextPage,
        NightLost,
        NightOpened,
        NightRef,
        NightStep,
        PageCounts,
        PageRef,
        Round,
    )
    from workflows.steps import Step
    from workflows.task_queues import BULK_SYNC, DEFAULT

BEGIN_BATCH = Step("begin_batch", BatchRef, BatchPlan, policies.DATABASE, DEFAULT)
FETCH_PAGE = Step("fetch_page", PageRef, Fetched, policies.FETCH_PAGE, BULK_SYNC)
PROCESS_PAGE = Step("process_page", PageRef, PageCounts, policies.PROCESS_PAGE, BULK_SYNC)
FINISH_BATCH = Step("finish_batch", BatchRef, Ended, policies.FINISH_BATCH, DEFAULT)
ABORT_BATCH = Step("abort_batch", Abort, type(None), policies.FINISH, DEFAULT)

WAKE_CHILDREN = Step("wake_children", BatchRef, type(None), policies.WAKE, DEFAULT)
OPEN_CHILDREN_BATCHES = Step("open_children_batches", Round, ChildrenBatches, policies.DATABASE, DEFAULT)

OPEN_NIGHT = Step("open_night", NightRef, NightOpened, policies.DATABASE, DEFAULT)
NEXT_PAGE = Step("next_page", NextPage, NightStep, policies.DATABASE, DEFAULT)
CLOSE_NIGHT = Step("close_night", NightLost, type(None), policies.DATABASE, DEFAULT)

START_ENTITY_BATCH = Step("start_entity_batch", EntityBatch, EntityBatchStarted, policies.DATABASE, DEFAULT)
