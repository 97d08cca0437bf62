"""What becomes of a receipt: its states, what an attempt's result makes of it, and the status of its store.

pending ──> success
   │  ┌───> failed            permanent, with a code; nobody tries again by himself
   └──┼───> rate_limited ─┐
      └───> transient ────┴─> any of these when it is due
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

ReceiptState = Literal["pending", "success", "failed", "rate_limited", "transient"]
StoreStatus = Literal["pending", "success", "partial", "failed"]

RECEIPT_STATES: Final[tuple[ReceiptState, ...]] = ("pending", "success", "failed", "rate_limited", "transient")
STORE_STATUSES: Final[tuple[StoreStatus, ...]] = ("pending", "success", "partial", "failed")
LATEST: Final = 20
"""So many attempts decide the status of a store."""

EXHAUSTED: Final = "retries_exhausted"
RATE_LIMITED: Final = "rate_limited"


@dataclass(frozen=True, slots=True)
class Imported:
    """The marketplace knows the receipt."""

    order_id: str
    amount: Decimal
    currency: str
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """It does not, and will not: a code for the caller."""

    code: str


@dataclass(frozen=True, slots=True)
class Setback:
    """No answer this time; `limited` when it asked us to come later, after `retry_after` if it said so."""

    code: str
    limited: bool = False
    retry_after: timedelta | None = None


Result = Imported | Refusal | Setback


@dataclass(frozen=True, slots=True)
class Patience:
    """Waits between the attempts of a receipt, the last one repeated, until there were `most_attempts`."""

    series: tuple[timedelta, ...]
    most_attempts: int

    def wait(self, attempt: int, retry_after: timedelta | None = None) -> timedelta:
        """After the attempt of that number, from 1; a longer wait that was asked for wins."""
        ours = self.series[min(attempt, len(self.series)) - 1]
        return ours if retry_after is None else max(ours, min(retry_after, LONGEST_WAIT))


LONGEST_WAIT: Final = timedelta(days=1)
"""No header parks a receipt for longer."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is written of an attempt; `wait` only where another one follows."""

    state: ReceiptState
    code: str = ""
    wait: timedelta | None = None
    imported: Imported | None = None


def settle(result: Result, attempt: int, patience: Patience) -> Settlement:
    """What the attempt of that number, from 1, makes of its receipt."""
    if isinstance(result, Imported):
        return Settlement("success", imported=result)
    if isinstance(result, Refusal):
        return Settlement("failed", result.code)
    if attempt >= patience.most_attempts:
        return Settlement("failed", EXHAUSTED)
    state: ReceiptState = "rate_limited" if result.limited else "transient"
    return Settlement(state, result.code, patience.wait(attempt, result.retry_after))


def store_status(latest: Sequence[ReceiptState]) -> StoreStatus:
    """The status of a store by what became of its latest attempts, newest first; `pending` is no attempt."""
    seen = [state for state in latest if state != "pending"][:LATEST]
    if not seen:
        return "pending"
    succeeded = "success" in seen
    if succeeded:
        return "success" if set(seen) == {"success"} else "partial"
    # Nothing but refused for now: neither of the words fits, and the stock will come.
    return "partial" if seen[0] == "rate_limited" else "failed"
