"""StoreSweepWorkflow: every quarter of an hour each shop is woken, everything it waits for being due.

Deterministic and thin: a page of shops per activity; continues as new when its history grows.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.store.steps as steps
    from workflows.store.contracts import STORE_SWEEP_WORKFLOW, StorePage, StoresSwept

_FAIRNESS = "store-sweep"


@workflow.defn(name=STORE_SWEEP_WORKFLOW)
class StoreSweepWorkflow:
    """Started by the schedule `brx-store-push`; one at a time."""

    @workflow.run
    async def run(self, page: StorePage) -> StoresSwept:
        """Page after page; how many shops were woken."""
        while True:
            swept = await steps.WAKE_STORES.run(
                page, id=f"wake-{page.stores}", summary=f"wake shops after {page.stores}", fairness_key=_FAIRNESS
            )
            page = StorePage(after=swept.after, stores=page.stores + swept.stores)
            if swept.is_last:
                return StoresSwept(stores=page.stores)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(page)
