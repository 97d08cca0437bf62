"""New listings whose answer was lost: which of them CardTrader made, and as what product.

A listing is found by its marker. One that CardTrader added to "one such product" left none there, and is told by
copies: what is on sale of such products has grown since they were read by the listings that were made since. So the
growth is assigned to listings one to one, the latest first, and none is taken for another. What has two explanations,
or none, is undecided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby
from typing import Final

import msgspec
from msgspec import UNSET

from domain.cards.changes import Change, Finding, Shown, Wanted, differences, is_such
from domain.cards.products import BadProduct, Product

_UNDECIDED: Final = Finding("undecided")


@dataclass(frozen=True, slots=True)
class Made:
    """A listing that CardTrader made, of a product it named; `sent_at` as in `Lost`."""

    product_id: int
    wanted: Wanted
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Lost:
    """A listing without an answer; `sent_at` is when the copies before it were read.

    `sold`: copies by product of its blueprint since then, as far as orders tell. `doubtful`: copies were bought here
    at the same time, so that quantities tell nothing.
    """

    change: Change
    sent_at: datetime
    sold: Mapping[int, int]
    doubtful: bool = False


def find_listings(
    lost: Sequence[Lost], made: Sequence[Made], shown: Sequence[Shown], here: Mapping[int, int]
) -> dict[int, Finding]:
    """What became of each, by change id; all are of one blueprint, and so is `shown`.

    `made`: listings of that blueprint known to be made. `here`: copies by product as our stock has them.
    """
    search = _Search([row for row in shown if isinstance(row, Product)], list(made), here)
    found = {one.change.id: search.by_marker(one) for one in lost}
    unmarked = [one for one in lost if found[one.change.id] is _UNDECIDED and not one.doubtful]
    if any(isinstance(row, BadProduct) for row in shown):
        return found
    newest_first = sorted(unmarked, key=lambda one: (one.sent_at, _identity(one), -one.change.id), reverse=True)
    for _, alike in groupby(newest_first, key=lambda one: (one.sent_at, _identity(one))):
        found |= search.by_growth(list(alike))
    return found


def _identity(one: Lost) -> str:
    """What CardTrader may take for the same, as far as the listings tell."""
    return repr(sorted((one.change.wanted.properties or {}).items()))


@dataclass(slots=True)
class _Search:
    products: Sequence[Product]
    made: list[Made]
    here: Mapping[int, int]

    def by_marker(self, one: Lost) -> Finding:
        for row in self.products:
            if one.change.marker and one.change.marker in (row.user_data_field or "").split():
                return self._applied(one, row.id)
        return _UNDECIDED

    def by_growth(self, alike: Sequence[Lost]) -> dict[int, Finding]:
        """Of listings that were read before at the same moment CardTrader makes the first ones, in their order."""
        first, count = alike[0], self._made_of(alike)
        ids = self._such(first)
        if count is None or (count and not ids):
            return {one.change.id: _UNDECIDED for one in alike}
        made = {one.change.id: self._applied(one, self._product_of(one, ids)) for one in alike[:count]}
        return made | {one.change.id: Finding("not_applied") for one in alike[count:]}

    def _made_of(self, alike: Sequence[Lost]) -> int | None:
        """How many were made; None when that has two explanations, or none.

        A product that was sold out since is not shown: it may have been such a product, or not.
        """
        first, shown = alike[0], {row.id for row in self.products}
        sums = [0, *accumulate(_copies(one.change.wanted) for one in alike)]
        grown = self._growth(first)
        vanished = [copies for product, copies in first.sold.items() if product not in shown | self._such(first)]
        counts = {sums.index(grown + copies) for copies in _sums(vanished) if grown + copies in sums}
        return counts.pop() if len(counts) == 1 else None

    def _growth(self, one: Lost) -> int:
        """Copies that came since, beside those of listings known to be made."""
        ids = self._such(one)
        now = sum(row.quantity for row in self.products if row.id in ids)
        gone = sum(copies for product, copies in one.sold.items() if product in ids)
        since = (other for other in self.made if other.product_id in ids and other.sent_at >= one.sent_at)
        return now + gone - sum(_copies(other.wanted) for other in since) - (one.change.quantity_before or 0)

    def _such(self, one: Lost) -> set[int]:
        """Products that CardTrader may take for the same, on sale or known to have been."""
        shown = {row.id for row in self.products if is_such(one.change, row)}
        asked = one.change.wanted.properties
        return shown | {other.product_id for other in self.made if other.wanted.properties == asked}

    def _product_of(self, one: Lost, ids: set[int]) -> int:
        """That of a listing of the same wording or kind; else one that grew enough; of several the likest."""
        rows = {row.id: row for row in self.products}
        wording, asked = _wording(one.change.wanted), one.change.wanted.properties
        alike = {other.product_id for other in self.made if _wording(other.wanted) == wording}
        akin = {other.product_id for other in self.made if other.wanted.properties == asked}

        def rank(number: int) -> tuple[bool, bool, bool, int, int]:
            unlike = len(differences(one.change, rows[number])) if number in rows else 0
            is_small = self._room(one, number) < _copies(one.change.wanted)
            return number not in alike, number not in akin, is_small, unlike, number

        return min(ids, key=rank)

    def _room(self, one: Lost, number: int) -> int:
        """Copies that came to a product and belong to no listing yet; sales are off our stock already."""
        now = sum(row.quantity for row in self.products if row.id == number)
        before = self.here[number] if number in self.here else -one.sold.get(number, 0)
        return now - before - sum(_copies(other.wanted) for other in self.made if other.product_id == number)

    def _applied(self, one: Lost, product_id: int) -> Finding:
        self.made.append(Made(product_id, one.change.wanted, one.sent_at))
        return Finding("applied", product_id)


def _wording(wanted: Wanted) -> Wanted:
    """Without its copies."""
    return msgspec.structs.replace(wanted, quantity=UNSET)


def _copies(wanted: Wanted) -> int:
    return wanted.quantity or 0


def _sums(numbers: Sequence[int]) -> set[int]:
    """Sums of any of them."""
    sums = {0}
    for number in numbers:
        sums |= {sum_ + number for sum_ in sums}
    return sums
