"""What a sync may delete: only what a complete full sync did not meet, and never much of it at once.

Deleting is soft: the state keeps the row with the time of its deletion, so that it is known when it returns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

LARGEST_SHARE: Final = 0.10

Refusal = Literal["NOT_FULL", "TOTAL_UNKNOWN", "INCOMPLETE", "KEYS_UNKNOWN", "KEYS_REPEATED", "SHRUNK"]
SENTENCES: Final[dict[Refusal, str]] = {
    "NOT_FULL": "Only a full sync can tell what is gone from the source.",
    "TOTAL_UNKNOWN": "The source did not say how many rows it has, so none can be told to be gone.",
    "INCOMPLETE": "Not every page was fetched, or not as many rows as the source reported.",
    "KEYS_UNKNOWN": "Rows failed before their key was known, so what they are cannot be told from what is gone.",
    "KEYS_REPEATED": "Keys came more than once, so rows may have moved between pages and others were missed.",
    "SHRUNK": "More than 10 % of the rows would be deleted; nothing is, until a full sync is started with force.",
}


@dataclass(frozen=True, slots=True)
class FullSync:
    """How a batch went. `stored`: live rows known before it; `missing`: those of them that it did not meet."""

    full: bool
    pages_failed: int
    rows_fetched: int
    rows_reported: int | None
    rows_without_key: int
    rows_superseded: int
    stored: int
    missing: int


def refusal(sync: FullSync, *, force: bool = False) -> Refusal | None:
    """Why the missing rows are not deleted; None when they may be. `force` is a person's word on the amount alone."""
    if not sync.full:
        return "NOT_FULL"
    if sync.rows_reported is None:
        return "TOTAL_UNKNOWN"
    if sync.pages_failed or sync.rows_fetched != sync.rows_reported:
        return "INCOMPLETE"
    if sync.rows_without_key:
        return "KEYS_UNKNOWN"
    if sync.rows_superseded:
        return "KEYS_REPEATED"
    return "SHRUNK" if sync.missing > math.ceil(LARGEST_SHARE * sync.stored) and not force else None
