"""Drift: in what our stock differed from CardTrader's, and why, as far as that can be told.

What a reconciliation finds different was told by nobody: every event, edit and purchase marks its rows, and marked
rows are left to whoever settles them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

Kind = Literal["corrected", "missing", "extra"]
Cause = Literal["missed_webhook", "write_failed", "job_item_refused", "edited_on_cardtrader", "unknown"]

# The one that says most stands for a row whose fields have several.
_TELLING: Final[tuple[Cause, ...]] = (
    "missed_webhook",
    "write_failed",
    "job_item_refused",
    "edited_on_cardtrader",
    "unknown",
)
QUANTITY: Final = "quantity"
WHOLE_ROW: Final = ""
_LONGEST_TEXT: Final = 500
_LONGEST_KEY: Final = 80


@dataclass(frozen=True, slots=True)
class Listing:
    """The fields of a stock row that CardTrader knows too; the price in cents."""

    blueprint_id: int
    product_id: int
    quantity: int
    price_cents: int
    properties: Mapping[str, object]
    description: str | None = None
    user_data_field: str | None = None
    graded: bool | None = None

    @property
    def summary(self) -> dict[str, object]:
        """What is told of a row that only one side has."""
        return {QUANTITY: self.quantity, "price_cents": self.price_cents}


@dataclass(frozen=True, slots=True)
class FailedWrite:
    """A change of ours that CardTrader did not take: the fields it was to set, and whether a job refused its item."""

    fields: frozenset[str]
    by_job: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one product: copies sold of which no webhook told, changes that failed."""

    sold: bool = False
    failed: tuple[FailedWrite, ...] = ()


NO_EVIDENCE: Final = Evidence()


@dataclass(frozen=True, slots=True)
class Finding:
    """One field's difference; the field of a whole row is ""."""

    field: str
    old: object
    new: object
    cause: Cause


@dataclass(frozen=True, slots=True)
class Drift:
    """One row's difference, with one finding per field."""

    kind: Kind
    blueprint_id: int
    product_id: int
    findings: tuple[Finding, ...]

    @property
    def cause(self) -> Cause:
        """The most telling of its findings'."""
        return min((finding.cause for finding in self.findings), key=_TELLING.index)


def corrected(ours: Listing, theirs: Listing, evidence: Evidence, *, orders_read: bool) -> Drift | None:
    """What is corrected in a row that both sides have; None when they are equal.

    `orders_read`: every sale that CardTrader knows of is in the evidence.
    """
    findings = tuple(
        Finding(field, _shown(old), _shown(new), _cause(field, old, new, evidence, orders_read=orders_read))
        for field, old, new in _differences(ours, theirs)
    )
    return Drift("corrected", ours.blueprint_id, ours.product_id, findings) if findings else None


def extra(theirs: Listing) -> Drift:
    """A product that only CardTrader has: listed on its site, or put back on sale there."""
    finding = Finding(WHOLE_ROW, None, theirs.summary, "edited_on_cardtrader")
    return Drift("extra", theirs.blueprint_id, theirs.product_id, (finding,))


def missing(ours: Listing, evidence: Evidence, *, orders_read: bool) -> Drift:
    """A product that only we have: sold out or taken off sale without our knowing."""
    cause = _cause(QUANTITY, ours.quantity, 0, evidence, orders_read=orders_read)
    finding = Finding(WHOLE_ROW, ours.summary, None, cause)
    return Drift("missing", ours.blueprint_id, ours.product_id, (finding,))


@dataclass(frozen=True, slots=True)
class Remains:
    """What a stock row shows after a sale was settled; the default is a row that is gone."""

    quantity: int = 0
    listed: bool = False


def after_sale(blueprint_id: int, product_id: int, had: int, now: Remains) -> Drift | None:
    """What a sale has changed of which no webhook told; None when the stock had known the smaller quantity."""
    if not now.listed:
        finding = Finding(WHOLE_ROW, {QUANTITY: had}, None, "missed_webhook")
        return Drift("missing", blueprint_id, product_id, (finding,)) if had else None
    finding = Finding(QUANTITY, had, now.quantity, "missed_webhook")
    return Drift("corrected", blueprint_id, product_id, (finding,)) if now.quantity != had else None


def _differences(ours: Listing, theirs: Listing) -> Iterator[tuple[str, object, object]]:
    for field in (QUANTITY, "price_cents", "description", "user_data_field", "graded"):
        old, new = getattr(ours, field), getattr(theirs, field)
        if old != new:
            yield field, old, new
    for key in sorted({*ours.properties, *theirs.properties}):
        was, is_ = ours.properties.get(key), theirs.properties.get(key)
        # 1 and true are equal in Python, and another value to a seller.
        if was != is_ or type(was) is not type(is_):
            yield f"properties.{key[:_LONGEST_KEY]}", was, is_


def _cause(field: str, old: object, new: object, evidence: Evidence, *, orders_read: bool) -> Cause:
    fewer = field == QUANTITY and isinstance(old, int) and isinstance(new, int) and new < old
    if fewer and evidence.sold:
        return "missed_webhook"
    for write in evidence.failed:
        if field.partition(".")[0] in write.fields:
            return "job_item_refused" if write.by_job else "write_failed"
    # Copies that no order explains were taken off by hand, unless the orders are not known.
    return "unknown" if fewer and not orders_read else "edited_on_cardtrader"


def _shown(value: object) -> object:
    """A value as a report keeps it: long texts are cut."""
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return value[: _LONGEST_TEXT - 1] + "…"
    return value


def tally(drifts: Iterable[Drift]) -> dict[tuple[Kind, Cause], int]:
    """Rows by kind and cause, in an order that is always the same."""
    counts: dict[tuple[Kind, Cause], int] = {}
    for drift in drifts:
        key = (drift.kind, drift.cause)
        counts[key] = counts.get(key, 0) + 1
    return dict(sorted(counts.items()))


class DriftSummary(msgspec.Struct, frozen=True):
    """A whole report in numbers of rows; `contested` were left to whoever was changing them."""

    equal: int = 0
    corrected: int = 0
    missing: int = 0
    extra: int = 0
    contested: int = 0
    missed_orders: int = 0
    causes: dict[Cause, int] = {}


def summarise(
    counts: Mapping[tuple[Kind, Cause], int], *, equal: int, contested: int = 0, missed_orders: int = 0
) -> DriftSummary:
    """From exact counts by kind and cause."""
    kinds: dict[Kind, int] = {}
    causes: dict[Cause, int] = {}
    for (kind, cause), rows in sorted(counts.items()):
        kinds[kind] = kinds.get(kind, 0) + rows
        causes[cause] = causes.get(cause, 0) + rows
    return DriftSummary(
        equal=equal,
        corrected=kinds.get("corrected", 0),
        missing=kinds.get("missing", 0),
        extra=kinds.get("extra", 0),
        contested=contested,
        missed_orders=missed_orders,
        causes=causes,
    )
