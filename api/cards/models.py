"""Answers and bodies of the sync routes; field names of the seed guide stay exactly as they are there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from domain.cards.progress import Phase, SeedStatus, State

SyncStatus = Literal["idle", "initial_sync", "active", "error"]
TaskStatus = Literal["PENDING", "STARTED", "SUCCESS", "FAILURE", "RETRY"]
TokenText = Annotated[SecretStr, Field(min_length=1, max_length=4096)]


class LinkRequest(BaseModel):
    """A CardTrader API token, as pasted."""

    model_config = ConfigDict(extra="forbid")

    cardtrader_token: TokenText = Field(description="the token from CardTrader's settings; white space is trimmed")


class SetupRequest(LinkRequest):
    """A seller to set up, for development."""

    user_id: UUID = Field(description="the seller")
    webhook_secret: Annotated[str, StringConstraints(max_length=255)] | None = Field(
        None, description="ignored: the secret comes from CardTrader"
    )


class Linked(BaseModel):
    """The account is linked."""

    status: Literal["success"] = Field("success", description="always success")
    user_id: UUID = Field(description="the seller")
    sync_status: SyncStatus = Field(description="status of the account")
    cardtrader_user_id: int = Field(description="the CardTrader account behind the token")
    webhook_secret_configured: bool = Field(description="whether webhooks can be verified")


class Accepted(BaseModel):
    """The work was accepted; poll `/task/{task_id}` or `/progress/{user_id}`."""

    status: Literal["accepted"] = Field("accepted", description="always accepted")
    task_id: str = Field(description="public id of the operation, pollable at once")
    user_id: UUID = Field(description="the seller")
    message: str = Field(description="one sentence")


class Failure(BaseModel):
    """Why a sync ended without success."""

    code: str = Field(description="stable, for programs: TOKEN_REJECTED")
    message: str = Field(description="one sentence, for people")


class OperationInFlight(BaseModel):
    """What runs for the account at the moment."""

    task_id: str = Field(description="public id of the operation")
    type: str = Field(description="bulk_sync or periodic_sync")
    state: State = Field(description="pending or running")
    phase: Phase = Field(description="what it is doing")
    progress_percent: int = Field(ge=0, le=100, description="0..100")
    created_at: datetime = Field(description="when it was accepted")


class AccountStatus(BaseModel):
    """Status of a linked account."""

    user_id: UUID = Field(description="the seller")
    sync_status: SyncStatus = Field(description="idle, initial_sync while a sync runs, active, or error")
    last_sync_at: datetime | None = Field(description="end of the last complete sync")
    last_error: str | None = Field(description="why the account is in error")
    disconnected: Literal[True] | None = Field(
        None, description="true while the account is suspended, or when the stored token cannot be used any more"
    )
    operation: OperationInFlight | None = Field(None, description="the sync in flight, if any")


class SyncCounts(BaseModel):
    """What became of the rows."""

    total_products: int = Field(description="products in the export")
    processed: int = Field(description="created + updated + unchanged + contested + failed")
    created: int = Field(description="rows that were new")
    updated: int = Field(description="rows that changed")
    unchanged: int = Field(description="rows that were equal already")
    skipped: int = Field(description="rows kept without a catalogue mapping (counted among the others too)")
    contested: int = Field(description="rows left alone because they changed meanwhile; read again at the end")
    failed: int = Field(description="products that could not be used; see failed-records")
    stale: int = Field(description="rows the export lacks for the first time: quantity 0")
    removed: int = Field(description="rows the export lacks for the second time")
    held: int = Field(description="removals held back because the stock shrank suspiciously")
    progress_percent: int = Field(ge=0, le=100, description="0..100; 100 only when done")


class SyncProgress(SyncCounts):
    """The latest sync of an account."""

    user_id: UUID = Field(description="the seller")
    operation_id: str = Field(description="the same id as task_id")
    status: SeedStatus = Field(description="pending (queued or running), completed, failed (also cancelled)")
    state: State = Field(description="the precise state")
    phase: Phase = Field(description="what it is doing")
    dry_run: bool = Field(False, description="whether it only reports; the counters are what a sync would do")
    total_chunks: int = Field(description="chunks of the export, 0 until it is staged")
    processed_chunks: int = Field(description="chunks merged so far")
    rate_per_second: float | None = Field(description="rows per second since merging began; null when unknown")
    eta_seconds: int | None = Field(description="seconds left at that rate; null when unknown")
    error: Failure | None = Field(description="why it ended without success, or what it wants a person to know")
    workflow_url: str | None = Field(description="its page in the Temporal Web UI; null without TEMPORAL_UI_URL")
    created_at: datetime = Field(description="when it was accepted")
    completed_at: datetime | None = Field(description="when it ended")


class NoSync(BaseModel):
    """The account was never synchronised."""

    user_id: UUID = Field(description="the seller")
    status: Literal["no_sync_found"] = Field("no_sync_found", description="always no_sync_found")
    message: str = Field("No sync operation found for this user", description="one sentence")
    progress_percent: Literal[0] = Field(0, description="always 0")


class UnmadeChange(BaseModel):
    """A change that was not made."""

    position: int = Field(description="which of the task's changes, from 0")
    action: Literal["create", "update", "delete"] = Field(description="what was asked for")
    item_id: int | None = Field(description="our id of the row; null for a new listing")
    blueprint_id: int = Field(description="CardTrader's id of the printed card")
    external_stock_id: str | None = Field(description="CardTrader's product id; null for a new listing")
    code: str | None = Field(description="stable, for programs: NOT_ON_SALE, SUPERSEDED")
    message: str | None = Field(description="one sentence, for people")


class ChangeCounts(BaseModel):
    """Where the changes of a task are. Verified, failed and cancelled ones are at their end."""

    waiting: int = Field(0, description="not sent yet")
    held: int = Field(0, description="waiting for the approval of a plan")
    sending: int = Field(0, description="sent; the answer is not known yet")
    accepted: int = Field(0, description="taken by CardTrader, not read back yet")
    verified: int = Field(0, description="read back as asked for")
    failed: int = Field(0, description="not made; see `unmade`")
    cancelled: int = Field(0, description="given up before they were sent; see `unmade`")
    unmade: list[UnmadeChange] = Field([], description="the first hundred that were not made, and why")


class TaskState(BaseModel):
    """One operation, in the words of the first API."""

    task_id: str = Field(description="the public id")
    status: TaskStatus = Field(description="PENDING, STARTED, RETRY, SUCCESS or FAILURE")
    ready: bool = Field(description="whether it has ended")
    message: str = Field(description="one sentence")
    result: SyncCounts | None = Field(None, description="what a sync did; with SUCCESS")
    changes: ChangeCounts | None = Field(None, description="of an edit, a deletion or new listings: their changes")
    error: Failure | None = Field(None, description="why it ended; with FAILURE")
