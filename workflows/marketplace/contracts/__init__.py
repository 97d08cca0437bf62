"""Everything that crosses the wire in the `marketplace` context: ids and counts, never an order, a URL or a secret."""

from __future__ import annotations

import hashlib
import re
from typing import Final
from uuid import UUID

from pydantic import Field

from workflows.message import Message

ORDER_IMPORT_WORKFLOW: Final = "OrderImportWorkflow"
STORE_ORDERS_WORKFLOW: Final = "StoreOrdersWorkflow"
ORDER_SWEEP_WORKFLOW: Final = "OrderSweepWorkflow"
CALLBACK_DELIVERY_WORKFLOW: Final = "CallbackDeliveryWorkflow"
CALLBACK_REPLAY_WORKFLOW: Final = "CallbackReplayWorkflow"

_NOBODY: Final = UUID(int=0)
_PLAIN: Final = re.compile(r"[\x21-\x7e]{1,200}")


def order_import_id(store_id: UUID, receipt: str) -> str:
    """One workflow per receipt; a receipt that would make an id too long or unreadable goes by its digest."""
    name = receipt if _PLAIN.fullmatch(receipt) else f"sha256:{hashlib.sha256(receipt.encode()).hexdigest()}"
    return f"order-import:{store_id}:{name}"


def store_orders_id(store_id: UUID) -> str:
    """One workflow per store: its single flight."""
    return f"store-orders:{store_id}"


def callback_id(event_id: UUID) -> str:
    """One workflow per event."""
    return f"callback:{event_id}"


def callback_replay_id(replay_id: UUID) -> str:
    """One workflow per replay."""
    return f"callback-replay:{replay_id}"


def fairness_of(organization_id: str) -> str:
    """Names an organisation to the scheduler of activities, whose keys are short."""
    return hashlib.sha256(organization_id.encode()).hexdigest()[:16]


class ReceiptRef(Message):
    """Names a receipt that is registered."""

    store_id: UUID
    log_id: UUID
    claim: UUID = _NOBODY


class ReceiptOutcome(Message):
    """What became of an attempt: a state of domain.marketplace.receipts."""

    status: str = Field("", max_length=20)


class Tally(Message):
    """Receipts by what became of them."""

    processed: int = 0
    success: int = 0
    failed: int = 0
    rate_limited: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(**{name: getattr(self, name) + getattr(other, name) for name in Tally.model_fields})


class StoreOrdersState(Message):
    """A run over a store's due receipts, carried whole through continue-as-new. `run_id` names its events."""

    store_id: UUID
    run_id: UUID = _NOBODY
    tally: Tally = Tally()
    batches: int = 0
    batches_per_run: int = Field(200, ge=1, le=500)


class OrderBatch(Message):
    """The next receipts of a store."""

    store_id: UUID
    run_id: UUID
    claim: UUID
    most: int = 100


class BatchDone(Message):
    """What became of them; `is_last` when nothing more is due."""

    tally: Tally = Tally()
    is_last: bool = True


class StoreOrdersEnd(Message):
    """The end of a run; `aborted` when a batch could not be done."""

    store_id: UUID
    run_id: UUID
    tally: Tally
    aborted: bool = False


class OrderSweep(Message):
    """A look for stores with due receipts."""

    page: int = 500


class SweepStarted(Message):
    """How many stores were found due."""

    stores: int = 0


class CallbackRef(Message):
    """Names an event; `fairness` keeps one organisation's events from delaying the others'."""

    event_id: UUID
    fairness: str = Field("", max_length=64)
    rounds: int = 0
    rounds_per_run: int = Field(200, ge=1, le=500)


class DeliveryRound(Message):
    """How an event stands after a round: deliveries that still wait, and seconds until the next is due."""

    waiting: int = 0
    next_in_seconds: float = 0.0


class ReplayRef(Message):
    """Names a replay."""

    replay_id: UUID
    fairness: str = Field("", max_length=64)
    pages_per_run: int = Field(200, ge=1, le=500)


class ReplayPage(Message):
    """How a replay goes: what was sent of this page, and whether it was the last."""

    sent: int = 0
    is_last: bool = True
