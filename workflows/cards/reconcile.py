"""ReconcileSweepWorkflow: starts the periodic sync of every active account, page by page, spread over the period.

Deterministic and thin: plan once, then a page per run, and continue as new with all there is to carry. The syncs are
workflows of their own, started by the page's activity: a sweep that ends, fails or is cancelled leaves them alone.
A page that finds too many syncs running starts fewer, or none, and the sweep comes back to the rest.
"""

from __future__ import annotations

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    import workflows.cards.steps as steps
    from workflows.cards.contracts import (
        RECONCILE_SWEEP_WORKFLOW,
        SweepPage,
        SweepPeriod,
        SweepPlan,
        SweepState,
        SweepTotals,
        SweptPage,
    )

_FAIRNESS = "reconcile-sweep"


@workflow.defn(name=RECONCILE_SWEEP_WORKFLOW)
class ReconcileSweepWorkflow:
    """Started by the schedule `brx-reconcile`; one at a time."""

    @workflow.init
    def __init__(self, start: SweepState) -> None:
        self._state = start

    @workflow.query(description="Accounts started and skipped so far")
    def totals(self) -> SweepTotals:
        """Over all runs of the chain."""
        return self._state.totals

    @workflow.run
    async def run(self, start: SweepState) -> SweepTotals:
        """One page; the next one is another run. Answers the totals of the whole sweep."""
        plan = start.plan or await self._plan()
        page = await self._page(plan)
        self._count(plan, page)
        if not page.is_last:
            await workflow.sleep(plan.pause_seconds)
            workflow.continue_as_new(self._state)
        return self._state.totals

    async def _plan(self) -> SweepPlan:
        period = SweepPeriod(period_minutes=self._state.period_minutes)
        plan = await steps.PLAN_SWEEP.run(period, id="plan", summary="count the accounts", fairness_key=_FAIRNESS)
        # Its syncs bear ids made of it, so that a page that is repeated starts none twice.
        self._state = self._state.model_copy(update={"plan": plan, "sweep_id": workflow.uuid4()})
        return plan

    async def _page(self, plan: SweepPlan) -> SweptPage:
        request = SweepPage(
            sweep_id=self._state.sweep_id,
            after=self._state.after,
            most=plan.page,
            most_running=self._state.most_running,
            period_minutes=self._state.period_minutes,
        )
        return await steps.SWEEP_PAGE.run(
            request, id="page", summary=f"start up to {plan.page} syncs", fairness_key=_FAIRNESS
        )

    def _count(self, plan: SweepPlan, page: SweptPage) -> None:
        before = self._state.totals
        totals = SweepTotals(started=before.started + page.started, skipped=before.skipped + page.skipped)
        self._state = self._state.model_copy(update={"after": page.after, "totals": totals})
        workflow.set_current_details(
            f"{totals.started:,} syncs started, {totals.skipped:,} accounts busy, of about {plan.accounts:,}"
        )
