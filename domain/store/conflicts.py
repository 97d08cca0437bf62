"""What becomes of a movement that central did not take, by rule.

Central's own numbers decide, not its words: which status and text a refusal has is nowhere laid down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from domain.store.stock import CentralStock
from domain.store.vocabulary import Strategy

Resolution = Literal["rebase", "again", "compensate", "ask", "refused"]
"""Send it on central's version; or later; take it back here; wait for a person; or give up until a person helps."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A movement as it was sent. `approved`: a person wants it whatever moved meanwhile."""

    delta: int
    version: int
    strategy: Strategy
    approved: bool = False


def resolve(attempt: Attempt, central: CentralStock, *, version_conflict: bool) -> Resolution:
    """The rule. `version_conflict`: central said that it was about the version (409)."""
    if central.quantity is not None and attempt.delta < 0 and central.quantity + attempt.delta < 0:
        return "compensate" if attempt.strategy == "rebase" else "ask"
    if central.version == attempt.version:
        # Neither the version nor the stock explains it: busy, if it says so; else it just does not want it.
        return "again" if version_conflict else "refused"
    return "rebase" if attempt.strategy == "rebase" or attempt.approved else "ask"


def version_to_send(strategy: Strategy, base: int, *, known: int | None, chained: int | None) -> int:
    """The version a movement is sent on first. 0 is a version like any other.

    `known` is what central's version was when it was last heard of; `chained` what our own last push made it, which
    every later movement builds on. Under `manual`, what others moved must come to light as a conflict.
    """
    heard = known if strategy == "rebase" else chained
    return base if heard is None else max(base, heard)
