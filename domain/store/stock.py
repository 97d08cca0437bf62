"""A shop's own stock: which movements it may make by itself, and what it must be once central was heard of.

The law of the context: quantity here = quantity at central + movements that central does not have yet. It may be
negative for moments: copies sold here that central has lost meanwhile, until the conflict is resolved.

LocalRefusal
├── UnknownSku
├── StockMoved       the caller's If-Match names another local version
└── TooFew           less is available than is asked for
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass


class LocalRefusal(Exception):
    """The movement is not made."""


class UnknownSku(LocalRefusal):
    """The shop has no such item."""


class StockMoved(LocalRefusal):
    """The item has another version than the caller expects."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class TooFew(LocalRefusal):
    """Fewer are available than are taken."""

    def __init__(self, available: int, requested: int) -> None:
        super().__init__(available, requested)
        self.available = available
        self.requested = requested


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is of an item here; `version` counts its movements."""

    quantity: int
    version: int


def refusal(shelf: Shelf | None, delta: int, versions: Set[int] | None = None) -> LocalRefusal | None:
    """Why the movement may not be made; None when it may. `versions` None: any.

    What is added is always accepted, however little there is.
    """
    if shelf is None:
        return UnknownSku()
    if versions is not None and shelf.version not in versions:
        return StockMoved(shelf.version)
    if delta < 0 and shelf.quantity + delta < 0:
        return TooFew(max(shelf.quantity, 0), -delta)
    return None


@dataclass(frozen=True, slots=True)
class CentralStock:
    """What central has of an item. `quantity` None: it told its version only."""

    version: int
    quantity: int | None = None


def after_push(known: CentralStock | None, sent_version: int, delta: int, told: CentralStock) -> CentralStock:
    """Central's stock after it took a movement: as told, or as follows from what was known when it was sent."""
    if told.quantity is not None:
        return told
    if known is None or known.quantity is None or known.version != sent_version:
        return told
    return CentralStock(told.version, known.quantity + delta)


def moved_elsewhere(quantity: int, central: CentralStock, unpushed: int) -> int:
    """The difference that somebody else made: what the quantity here has to change by for the law to hold."""
    return 0 if central.quantity is None else central.quantity + unpushed - quantity
