"""Wire models of reconciliation: the sweep over all accounts, missed orders, one blueprint by hand."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pydantic import Field

from workflows.cards.contracts.bulk import OperationRef
from workflows.message import Message

RECONCILE_SWEEP_WORKFLOW: Final = "ReconcileSweepWorkflow"
RECONCILE_BLUEPRINT_WORKFLOW: Final = "ReconcileBlueprintWorkflow"
MOST_ACCOUNTS_PER_PAGE: Final = 100


def reconcile_blueprint_id(user_id: UUID, blueprint_id: int) -> str:
    """One targeted reconciliation per blueprint at a time."""
    return f"reconcile:{user_id}:{blueprint_id}"


class SweepPlan(Message):
    """How the sweep is spread: accounts per page, seconds between pages."""

    page: int = Field(1, ge=1, le=MOST_ACCOUNTS_PER_PAGE)
    pause_seconds: int = Field(60, ge=0, le=3600)
    accounts: int = Field(0, ge=0)


class SweepTotals(Message):
    """Accounts whose sync was started, and those that were busy with one."""

    started: int = Field(0, ge=0)
    skipped: int = Field(0, ge=0)


class SweepState(Message):
    """Start of a sweep, and all it carries from page to page: `after` is the last account that was looked at."""

    period_minutes: int = Field(360, ge=1, le=10_080)
    most_running: int = Field(20, ge=1, le=1000)
    sweep_id: UUID | None = None
    plan: SweepPlan | None = None
    after: UUID | None = None
    totals: SweepTotals = SweepTotals()


class SweepPeriod(Message):
    """Asks for a plan over this time."""

    period_minutes: int = Field(360, ge=1, le=10_080)


class SweepPage(Message):
    """Start the syncs of the accounts after `after`: at most `most`, and `most_running` at once over all pages."""

    sweep_id: UUID | None = None
    after: UUID | None = None
    most: int = Field(1, ge=1, le=MOST_ACCOUNTS_PER_PAGE)
    most_running: int = Field(20, ge=1, le=1000)
    period_minutes: int = Field(360, ge=1, le=10_080)


class SweptPage(SweepTotals):
    """What became of a page. `is_last`: no account comes after `after`."""

    after: UUID | None = None
    is_last: bool = False


class FoundOrders(Message):
    """Orders that were read, and those of which no webhook had told."""

    read: int = Field(0, ge=0)
    missed: int = Field(0, ge=0)


class ReconcileBlueprint(OperationRef):
    """Read one blueprint again and report what differed; with `dry_run`, only report."""

    blueprint_id: int = Field(ge=1, le=2**31 - 1)
    dry_run: bool = False


class BlueprintAborted(OperationRef):
    """Close the operation of a targeted reconciliation that could not be done."""

    code: str = Field(max_length=50)
