"""The words of the context, as they are stored and shown."""

from __future__ import annotations

from typing import Final, Literal

Status = Literal["pending", "in_progress", "completed", "conflict", "failed"]
Kind = Literal["local", "compensation", "pulled"]
Strategy = Literal["rebase", "manual"]

STATUSES: Final[tuple[Status, ...]] = ("pending", "in_progress", "completed", "conflict", "failed")
KINDS: Final[tuple[Kind, ...]] = ("local", "compensation", "pulled")
STRATEGIES: Final[tuple[Strategy, ...]] = ("rebase", "manual")

Reason = Literal[
    "CENTRAL_UNAVAILABLE", "CENTRAL_DENIED", "CENTRAL_MOVES", "CENTRAL_TOO_LITTLE", "CENTRAL_MOVED",
    "UNKNOWN_SKU", "REFUSED", "DISCARDED",
]  # fmt: skip

SENTENCES: Final[dict[str, str]] = {
    "CENTRAL_UNAVAILABLE": "The central inventory does not answer; it is tried again",
    "CENTRAL_DENIED": "The central inventory does not accept this service's credentials; it is tried again",
    "CENTRAL_MOVES": "The stock moves at the central inventory faster than it can be changed; it is tried again",
    "CENTRAL_TOO_LITTLE": "The central inventory has too little left",
    "CENTRAL_MOVED": "The central inventory has moved meanwhile; retry to apply it all the same, or discard it",
    "UNKNOWN_SKU": "The central inventory does not know this SKU; create it there and retry, or discard the change",
    "REFUSED": "The central inventory refuses this change",
    "DISCARDED": "Discarded by a person; taken back here",
}


def sentence(reason: str) -> str:
    """What a person is told of a reason; the reason itself where nothing better is known."""
    return SENTENCES.get(reason, reason)
