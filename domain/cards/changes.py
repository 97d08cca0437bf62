"""Changes on their way to CardTrader: what one asks for, which go together, and what CardTrader's stock says of them.

Every field but the quantity is absolute, so sending it twice does no harm. A difference of copies and a new listing
are not: after an unknown outcome they are only sent again where it is certain that they were not made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from domain.cards.outcomes import Outcome, outcome_of_difference
from domain.cards.products import BadProduct, Product, normalise_graded, normalise_properties

Action = Literal["create", "update", "delete"]
Flag = bool | str
Shown = Product | BadProduct

MARKER: Final = "brx-"
MOST_IN_CALL: Final = 500
MOST_SINGLE: Final = 50
FEW: Final = 20
MOST_ATTEMPTS: Final = 8


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Fields with their new values, as recorded; of a new listing all of them. Prices in cents, None clears."""

    price_cents: int | UnsetType = UNSET
    quantity: int | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    user_data_field: str | UnsetType | None = UNSET
    graded: bool | UnsetType | None = UNSET
    properties: Mapping[str, Flag] | UnsetType = UNSET

    @property
    def is_empty(self) -> bool:
        """No field is to be changed."""
        return self == Wanted()


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one listing; `delta` counts for updates alone.

    `quantity_before`: copies as read before the difference (or the new listing) was sent; None: it was not.
    """

    id: int
    operation_id: UUID
    action: Action
    item_id: int | None
    blueprint_id: int
    product_id: int | None
    wanted: Wanted
    delta: int
    marker: str | None
    attempts: int
    quantity_before: int | None

    @property
    def difference(self) -> int:
        """Copies to add to, or take from, a product that is on sale."""
        return self.delta if self.action == "update" else 0

    @property
    def tells_by_quantity(self) -> bool:
        """Whether only a quantity can tell that it was made."""
        return bool(self.difference) and self.quantity_before is not None


@dataclass(frozen=True, slots=True)
class Call:
    """Changes that are sent next: one after the other, or in one bulk call of their action."""

    changes: Sequence[Change]
    bulk: Action | None = None


def next_call(waiting: Sequence[Change]) -> Call:
    """What to send of changes in the order they were made.

    Few are sent one by one, and so are differences, however many: in bulk calls a quantity is absolute, and would
    undo a sale made since it was read. A bulk call that was refused whole is cut in half, down to single ones, so
    that one bad item cannot take others with it.
    """
    for action in ("delete", "update", "create"):
        alike = [change for change in waiting if change.action == action and not change.difference]
        most = MOST_IN_CALL >> max((change.attempts for change in alike[:MOST_IN_CALL]), default=0)
        if len(alike) > FEW and most > FEW:
            return Call(alike[:most], action)
    return Call(waiting[:MOST_SINGLE])


def marked(user_data_field: str | UnsetType | None, marker: str | None) -> str | None:
    """A new listing's `user_data_field`: the seller's own text first, then the marker that finds it again."""
    own = "" if user_data_field in (UNSET, None) else str(user_data_field)
    return " ".join(filter(None, (own, marker))) or None


def unmarked(user_data_field: str | None) -> str | None:
    """The seller's own text; the marker behind it is that of this listing, or of one that went to the same product."""
    own, _, last = (user_data_field or "").rpartition(" ")
    return (own or None) if last.startswith(MARKER) else user_data_field


def differences(change: Change, product: Product) -> tuple[str, ...]:
    """The fields in which CardTrader's product is not as asked. Its quantity may have moved since, and is none."""
    wanted = change.wanted
    shown_text = unmarked(product.user_data_field) if change.action == "create" else product.user_data_field
    texts = (
        ("description", wanted.description, product.description),
        ("user_data_field", wanted.user_data_field, shown_text),
        ("graded", wanted.graded, normalise_graded(product.graded)),
    )
    # CardTrader shows "none" in more than one way.
    wrong = [name for name, asked, shown in texts if asked is not UNSET and (asked or None) != (shown or None)]
    if wanted.price_cents is not UNSET and wanted.price_cents != product.price_cents:
        wrong.insert(0, "price_cents")
    return (*wrong, *_wrong_properties(wanted, product))


def _wrong_properties(wanted: Wanted, product: Product) -> list[str]:
    if wanted.properties is UNSET:
        return []
    asked, shown = normalise_properties(dict(wanted.properties)), normalise_properties(product.properties_hash)
    return [name for name, value in asked.items() if not _same(value, shown.get(name))]


def _same(asked: Any, shown: Any) -> bool:
    """A flag that is off may not be shown at all."""
    return bool(shown) == asked if isinstance(asked, bool) else asked == shown


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a change; `product_id` where that is news."""

    outcome: Outcome
    product_id: int | None = None


def find_out(change: Change, shown: Sequence[Shown], sold: Mapping[int, int]) -> Finding:
    """What became of a change of a product whose answer was lost, by what CardTrader now shows of its blueprint.

    `sold`: copies by product since it was sent, as far as orders tell. A row that cannot be read may be anything.
    New listings: domain.cards.listings.
    """
    product = next((row for row in shown if _id(row) == change.product_id), None)
    if change.action == "delete":
        return Finding("applied" if product is None else "not_applied")
    if isinstance(product, BadProduct) or (product is None and _unreadable(shown)):
        return Finding("undecided")
    if change.tells_by_quantity and change.quantity_before is not None:
        now, copies = (product.quantity if product else None), sold.get(change.product_id or 0, 0)
        before, delta = change.quantity_before, change.difference
        return Finding(outcome_of_difference(before=before, delta=delta, now=now, sold=copies))
    is_done = product is not None and not change.difference and not differences(change, product)
    return Finding("applied" if is_done else "not_applied")


def copies_alike(change: Change, shown: Sequence[Shown]) -> int:
    """Copies on sale of products that CardTrader may take for "one such product" as a new listing."""
    return sum(row.quantity for row in shown if isinstance(row, Product) and is_such(change, row))


def is_such(change: Change, product: Product) -> bool:
    """Whether a new listing and a product differ in nothing that a buyer chooses by."""
    return product.blueprint_id == change.blueprint_id and not _wrong_properties(change.wanted, product)


def _id(row: Shown) -> int | None:
    return row.id if isinstance(row, Product) else row.product_id


def _unreadable(shown: Sequence[Shown]) -> bool:
    return any(isinstance(row, BadProduct) for row in shown)
