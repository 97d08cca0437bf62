"""Wire models of the outgoing half of the account workflow: which step comes next, and for which batch."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from workflows.cards.contracts.account import AccountRef

ChangeWork = Literal["none", "send", "follow", "settle", "verify", "reread"]


class ChangeBatch(AccountRef):
    """Changes taken together, by the id they are stamped with; at most ten thousand."""

    batch_id: UUID


class ChangeStep(AccountRef):
    """What is to be done next about an account's changes, `wait_seconds` from now.

    `send` waiting ones, `follow` a job, `settle` unknown outcomes, `verify` what CardTrader took or refused,
    `reread` rows whose truth is at CardTrader and that nothing else will read again.
    """

    work: ChangeWork = "none"
    batch_id: UUID | None = None
    changes: int = Field(0, ge=0)
    wait_seconds: int = Field(0, ge=0, le=3600)


class Progressed(AccountRef):
    """How many changes a step moved on."""

    changes: int = Field(0, ge=0)
