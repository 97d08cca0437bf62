"""Wire models of the account workflow: its state, and what concerns webhooks (changes: see `changes`)."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from workflows.message import Message

ACCOUNT_WORKFLOW: Final = "AccountWorkflow"
EVENTS_PENDING: Final = "events_pending"
CHANGES_PENDING: Final = "changes_pending"
LOOK_NOW: Final = "look_now"
MOST_EVENTS: Final = 200


def account_id(user_id: UUID) -> str:
    """One entity workflow per seller."""
    return f"account:{user_id}"


class AccountState(Message):
    """The whole state of an account's workflow; what is pending waits in the webhook inbox and in `item_changes`.

    `rounds` counts batches of events and steps with changes since the workflow came alive; after every
    `rounds_per_run` turns it continues as new.
    """

    user_id: UUID
    events_pending: bool = True
    changes_pending: bool = False
    rounds: int = Field(0, ge=0)
    rounds_per_run: int = Field(100, ge=1, le=500)
    idle_seconds: int = Field(30, ge=1, le=3600)
    pause_seconds: int = Field(60, ge=0, le=3600)


class AccountRef(Message):
    """Names one seller's account."""

    user_id: UUID


class EventBatch(AccountRef):
    """Ids of inbox events that are worked on together."""

    event_ids: list[Annotated[int, Field(ge=1)]] = Field([], max_length=MOST_EVENTS)


class Settled(Message):
    """How many events of a batch are processed."""

    events: int = Field(0, ge=0)


class SuspendAccount(AccountRef):
    """Tell the seller why nothing more can be done until the account is linked again."""

    code: str = Field(max_length=50)
