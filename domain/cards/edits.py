"""What a seller's edit of one listing means: fields to change, the difference of copies, and what shows here at once.

A quantity is a wish against what the seller could know: the copies on sale and those added before that a re-read has
not shown yet. What is sent is the difference, so that a sale in between is not undone. Here it is lowered at once and
raised only by a re-read (law L2). Zero is a difference like any other; CardTrader takes a listing off at zero.

    IntentRefused
    ├── UnknownItem
    ├── VersionMoved
    ├── NotListed
    ├── CopiesReserved
    ├── ReadOnlyProperty
    ├── KeyReused
    ├── UnknownPlan
    └── PlanDecided
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from msgspec import UNSET, UnsetType

from domain.cards.properties import Scalar, is_editable, sendable_properties

_FIELDS: Final = ("price_cents", "description", "user_data_field", "graded")
_MISSING: Final = object()


class IntentRefused(Exception):
    """What was asked for cannot be done."""


class UnknownItem(IntentRefused):
    """The seller has no such item."""


class VersionMoved(IntentRefused):
    """The item has changed since it was read."""

    def __init__(self, row_version: int) -> None:
        super().__init__(str(self.__doc__))
        self.row_version = row_version


class NotListed(IntentRefused):
    """The item has no product at CardTrader."""


class CopiesReserved(IntentRefused):
    """Copies are held for purchases in progress."""

    def __init__(self, reserved: int) -> None:
        super().__init__(str(self.__doc__))
        self.reserved = reserved


class ReadOnlyProperty(IntentRefused):
    """The property describes the print; it cannot be chosen."""

    def __init__(self, name: str) -> None:
        super().__init__(str(self.__doc__))
        self.name = name


class KeyReused(IntentRefused):
    """The idempotency key was used for another request."""


class UnknownPlan(IntentRefused):
    """The seller has no such plan."""


class PlanDecided(IntentRefused):
    """The plan does not wait for a decision any more."""

    def __init__(self, state: str) -> None:
        super().__init__(str(self.__doc__))
        self.state = state


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Fields to change; UNSET keeps, None clears. Properties are merged key by key; prices in cents."""

    quantity: int | UnsetType = UNSET
    price_cents: int | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    user_data_field: str | UnsetType | None = UNSET
    graded: bool | UnsetType = UNSET
    properties: Mapping[str, Scalar] | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A stock row as an edit meets it. `raise_pending`: copies added before that no re-read has shown yet."""

    quantity: int
    raise_pending: int
    reserved_quantity: int
    price_cents: int
    description: str | None
    user_data_field: str | None
    graded: bool | None
    properties: Mapping[str, Any]

    @property
    def expected(self) -> int:
        """Copies there will be once everything known is done."""
        return self.quantity + self.raise_pending


@dataclass(frozen=True, slots=True)
class Edit:
    """`wanted`: changed fields, properties whole; `delta`: copies more or less; `row`: what shows here at once."""

    wanted: dict[str, Any]
    delta: int
    row: Listing

    @property
    def is_empty(self) -> bool:
        """Nothing differs."""
        return not self.wanted and not self.delta


def plan_edit(listing: Listing, wish: Wish) -> Edit:
    """Raises `CopiesReserved`, `ReadOnlyProperty`."""
    quantity = listing.expected if wish.quantity is UNSET else wish.quantity
    if quantity < min(listing.reserved_quantity, listing.expected):
        raise CopiesReserved(listing.reserved_quantity)
    wanted = _changed_fields(listing, wish)
    changed = _changed_properties(listing.properties, wish.properties)
    properties = {**listing.properties, **changed}
    if changed:
        wanted["properties"] = sendable_properties(listing.properties, changed)
    delta = quantity - listing.expected
    on_sale = _on_sale(listing, delta)
    return Edit(
        wanted,
        delta,
        Listing(
            quantity=on_sale,
            raise_pending=quantity - on_sale,
            reserved_quantity=listing.reserved_quantity,
            price_cents=wanted.get("price_cents", listing.price_cents),
            description=wanted.get("description", listing.description),
            user_data_field=wanted.get("user_data_field", listing.user_data_field),
            graded=wanted.get("graded", listing.graded),
            properties=properties,
        ),
    )


def _on_sale(listing: Listing, delta: int) -> int:
    """Lowered by the whole difference, even where a raise is on its way: that one may still be refused."""
    return max(listing.quantity + min(delta, 0), min(listing.quantity, listing.reserved_quantity))


def _changed_fields(listing: Listing, wish: Wish) -> dict[str, Any]:
    wished = {name: getattr(wish, name) for name in _FIELDS}
    return {
        name: value
        for name, value in wished.items()
        if value is not UNSET and _meant(name, value) != _meant(name, getattr(listing, name))
    }


def _meant(name: str, value: Any) -> Any:
    """CardTrader shows "no text" and "not graded" in more than one way; a price of nothing is a price."""
    return value if name == "price_cents" else value or None


def _changed_properties(held: Mapping[str, Any], wished: Mapping[str, Scalar] | UnsetType) -> dict[str, Scalar]:
    if wished is UNSET:
        return {}
    # As types too: true is not 1 to CardTrader.
    changed = {
        name: value
        for name, value in wished.items()
        if (type(value), value) != (type(found := held.get(name, _MISSING)), found)
    }
    for name in changed:
        if not is_editable(name):
            raise ReadOnlyProperty(name)
    return changed
