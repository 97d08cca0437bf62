"""Careless changes of the bridge's workflows, each of which would stop running ones; and some that change nothing."""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.bridge import steps
    from workflows.bridge.contracts import (
        BACKGROUND_SYNC_WORKFLOW,
        BRIDGE_BATCH_WORKFLOW,
        ENTITY_SYNC_WORKFLOW,
        PENDING_CHILDREN_WORKFLOW,
        Abort,
        BatchResult,
        BatchRun,
        ChildrenState,
        EntityBatchStarted,
        EntitySync,
        NightResult,
        NightRun,
        NightStep,
    )

from workflows.bridge.background import BackgroundSyncWorkflow
from workflows.bridge.batch import BridgeBatchWorkflow
from workflows.bridge.children import PendingChildrenWorkflow
from workflows.bridge.entity_sync import EntitySyncWorkflow


@workflow.defn(name=BRIDGE_BATCH_WORKFLOW)
class UnchangedBatch(BridgeBatchWorkflow):
    """The control."""

    @workflow.init
    def __init__(self, start: BatchRun) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BatchRun) -> BatchResult:
        return await super().run(start)


@workflow.defn(name=BRIDGE_BATCH_WORKFLOW)
class OneAtATime(BridgeBatchWorkflow):
    """A page is fetched when the one before is done."""

    @workflow.init
    def __init__(self, start: BatchRun) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BatchRun) -> BatchResult:
        return await super().run(start)

    async def _room(self, window: int) -> None:
        await super()._room(min(window, 1))


@workflow.defn(name=BRIDGE_BATCH_WORKFLOW)
class WithoutGrace(BridgeBatchWorkflow):
    """The batch is closed at once."""

    @workflow.init
    def __init__(self, start: BatchRun) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BatchRun) -> BatchResult:
        return await super().run(start)

    async def _close(self, abort: Abort) -> None:
        for page in self._in_flight.values():
            page.cancel()
        await super()._close(abort)


@workflow.defn(name=BACKGROUND_SYNC_WORKFLOW)
class UnchangedNight(BackgroundSyncWorkflow):
    """The control."""

    @workflow.init
    def __init__(self, start: NightRun) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: NightRun) -> NightResult:
        return await super().run(start)


@workflow.defn(name=BACKGROUND_SYNC_WORKFLOW)
class ClosedUnnoted(BackgroundSyncWorkflow):
    """What was done is not noted."""

    @workflow.init
    def __init__(self, start: NightRun) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: NightRun) -> NightResult:
        return await super().run(start)

    async def _close(self, abort: Abort) -> None:
        await steps.ABORT_BATCH.run(abort, id="abort", summary="", fairness_key="")


@workflow.defn(name=BACKGROUND_SYNC_WORKFLOW)
class WithoutAsking(BackgroundSyncWorkflow):
    """The first page is fetched whatever the time."""

    @workflow.init
    def __init__(self, start: NightRun) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: NightRun) -> NightResult:
        return await super().run(start)

    async def _step(self) -> NightStep:
        return NightStep(rows=10) if self._progress.next_page == 1 else await super()._step()


@workflow.defn(name=PENDING_CHILDREN_WORKFLOW)
class UnchangedChildren(PendingChildrenWorkflow):
    """The control."""

    @workflow.init
    def __init__(self, start: ChildrenState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ChildrenState) -> ChildrenState:
        return await super().run(start)


@workflow.defn(name=PENDING_CHILDREN_WORKFLOW)
class TwiceLooked(PendingChildrenWorkflow):
    """Each round looks again."""

    @workflow.init
    def __init__(self, start: ChildrenState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: ChildrenState) -> ChildrenState:
        return await super().run(start)

    async def _round(self) -> bool:
        await super()._round()
        return await super()._round()


@workflow.defn(name=ENTITY_SYNC_WORKFLOW)
class UnchangedEntitySync(EntitySyncWorkflow):
    """The control."""

    @workflow.run
    async def run(self, start: EntitySync) -> EntityBatchStarted:
        return await super().run(start)


@workflow.defn(name=ENTITY_SYNC_WORKFLOW)
class AfterAPause(EntitySyncWorkflow):
    """Spreads the entities of one cron expression over a minute."""

    @workflow.run
    async def run(self, start: EntitySync) -> EntityBatchStarted:
        await workflow.sleep(start.entity_uid.int % 60)
        return await super().run(start)


UNCHANGED = (UnchangedBatch, UnchangedNight, UnchangedChildren, UnchangedEntitySync)
