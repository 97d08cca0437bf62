"""Wire models of the purchase workflow."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from pydantic import Field

from workflows.message import Message

PURCHASE_WORKFLOW: Final = "PurchaseWorkflow"


def purchase_id(user_id: UUID, idempotency_key: str) -> str:
    """One workflow per seller and key: whoever repeats a request joins the one that runs."""
    return f"purchase:{user_id}:{idempotency_key}"


class PurchaseRef(Message):
    """Names a purchase that is reserved already."""

    user_id: UUID
    operation_id: UUID


class PurchaseOutcome(Message):
    """How a purchase ended; `reason` is a code of domain.cards.purchases when it was refused."""

    purchased: bool = False
    reason: str = Field("", max_length=50)
