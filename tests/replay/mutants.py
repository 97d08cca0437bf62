"""Careless changes of workflows, each of which would stop running ones; and some that change nothing."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from workflows.cards import steps
    from workflows.cards.contracts import (
        ACCOUNT_WORKFLOW,
        BULK_SYNC_WORKFLOW,
        AccountState,
        ApplyChunk,
        BulkSyncInput,
        Counters,
        Manifest,
        Phase,
        SyncResult,
    )
    from workflows.store.contracts import STORE_PUSH_WORKFLOW, StorePushState

from workflows.cards.account import AccountWorkflow
from workflows.cards.bulk_sync import BulkSyncWorkflow
from workflows.store.push import StorePushWorkflow


@workflow.defn(name=BULK_SYNC_WORKFLOW)
class Unchanged(BulkSyncWorkflow):
    """The control."""

    @workflow.init
    def __init__(self, start: BulkSyncInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BulkSyncInput) -> SyncResult:
        return await super().run(start)


@workflow.defn(name=BULK_SYNC_WORKFLOW)
class WithoutReread(BulkSyncWorkflow):
    """A step is gone."""

    @workflow.init
    def __init__(self, start: BulkSyncInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BulkSyncInput) -> SyncResult:
        return await super().run(start)

    async def _reread(self) -> None:
        return


@workflow.defn(name=BULK_SYNC_WORKFLOW)
class WithPause(BulkSyncWorkflow):
    """A timer is new."""

    @workflow.init
    def __init__(self, start: BulkSyncInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BulkSyncInput) -> SyncResult:
        return await super().run(start)

    async def _stage(self) -> Manifest:
        await workflow.sleep(timedelta(seconds=1))
        return await super()._stage()


@workflow.defn(name=BULK_SYNC_WORKFLOW)
class WithOtherIds(BulkSyncWorkflow):
    """Activities are called by other ids."""

    @workflow.init
    def __init__(self, start: BulkSyncInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BulkSyncInput) -> SyncResult:
        return await super().run(start)

    async def _apply(self, number: int) -> Counters:
        request = ApplyChunk(**self._ref.model_dump(), chunk_no=number)
        return await steps.APPLY_CHUNK.run(request, id=f"part-{number}", summary="", fairness_key="")


@workflow.defn(name=BULK_SYNC_WORKFLOW)
class Silent(BulkSyncWorkflow):
    """Progress is no longer told."""

    @workflow.init
    def __init__(self, start: BulkSyncInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: BulkSyncInput) -> SyncResult:
        return await super().run(start)

    def _enter(self, phase: Phase, status: str, *, percent: int | None = None) -> None:
        if percent is None:
            super()._enter(phase, status)


@workflow.defn(name=ACCOUNT_WORKFLOW)
class UnchangedAccount(AccountWorkflow):
    """The control."""

    @workflow.init
    def __init__(self, start: AccountState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: AccountState) -> None:
        await super().run(start)


@workflow.defn(name=ACCOUNT_WORKFLOW)
class ChangesFirst(AccountWorkflow):
    """The turns are in another order."""

    @workflow.init
    def __init__(self, start: AccountState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: AccountState) -> None:
        await super().run(start)

    async def _turn(self) -> None:
        if self._changes:
            self._changes = await self._change_step()
        if self._events:
            self._events = await self._event_batch()


@workflow.defn(name=STORE_PUSH_WORKFLOW)
class UnchangedStore(StorePushWorkflow):
    """The control."""

    @workflow.init
    def __init__(self, start: StorePushState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: StorePushState) -> None:
        await super().run(start)


@workflow.defn(name=STORE_PUSH_WORKFLOW)
class ReadingFirst(StorePushWorkflow):
    """What central has is read before the pass."""

    @workflow.init
    def __init__(self, start: StorePushState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: StorePushState) -> None:
        await super().run(start)

    async def _turn(self) -> None:
        await self._read()
        await super()._turn()


@workflow.defn(name=STORE_PUSH_WORKFLOW)
class Hasty(StorePushWorkflow):
    """Nothing is waited for."""

    @workflow.init
    def __init__(self, start: StorePushState) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: StorePushState) -> None:
        await super().run(start)

    async def _wait_until_due(self, seconds: int) -> None:
        self._pending = bool(seconds)
